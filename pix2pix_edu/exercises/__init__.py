"""Exercises that check themselves, and quizzes: one module for each lesson.

In a notebook:

    from pix2pix_edu.exercises.lesson_01 import q1, quiz

    q1.check(split_side_by_side)   # also q1.hint(), q1.solution()
    quiz

How to write one is explained in `pix2pix_edu.exercises.engine` and `pix2pix_edu.exercises.quiz`.
"""
