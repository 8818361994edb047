"""Lesson 09: the paper's human test, on yourself: a second for each picture, then "real" or "generated"?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from PIL import Image, ImageDraw

from pix2pix_edu.study import BLIND, EXPOSURE_MS, PAINTERS, SIZES, TRIALS, Session, load_sessions, pooled, save_session
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer, error_markup, is_strict
from pix2pix_edu.widgets.charts import SHARP, font
from pix2pix_edu.widgets.pictures import INK, at_size, to_png

EXPLAIN = (
    "The fooling rate counts generated pictures that were called real. A perfect generator would get about half of its "
    "pictures called real by someone who calls half of everything real: more is not to be had from an honest observer. "
    "That is why the rate of real pictures called generated stands beside it: whoever calls everything real is fooled "
    "every time, and has seen nothing. The interval is wide because twenty pictures are few; it says what other twenty "
    "might have given, and nothing about other people. And you know which course this is: an observer who expects blur "
    "finds blur. Choose a blind session, in which you learn afterwards which generator it was."
)
# Table 4 of the paper, aerial photographs and maps at 256 px: percent of generated pictures called real, and its error.
PAPER = (
    ("the paper, photo to map: L1", 2.8, 1.0),
    ("the paper, photo to map: L1 + cGAN", 6.1, 1.3),
    ("the paper, map to photo: L1", 0.8, 0.3),
    ("the paper, map to photo: L1 + cGAN", 18.9, 2.5),
)
WIDTH, ROW = 752, 26  # pixels
AXIS = (262, 520)  # from 0 to 100 %
SEEDS = 99
BEGIN = "Press Show, or click here and press Space."

STAGE_CODE = r"""
function render({ model, el }) {
  el.classList.add("p2p-stage");
  const make = (tag, text, css) => {
    const element = document.createElement(tag);
    element.textContent = text; element.style.cssText = css;
    return element;
  };
  const panel = make("div", "", "display:inline-block;padding:6px;border:1px solid #767676;border-radius:4px");
  panel.tabIndex = 0;
  panel.dataset.lmSuppressShortcuts = "true";      // or JupyterLab would take the keys for its own commands
  panel.setAttribute("role", "application");
  panel.setAttribute("aria-label", "Space shows the picture, R says real, G says generated.");
  const heading = make("div", "", "font-weight:bold;min-height:1.4em");
  const box = make("div", "", "width:256px;height:256px;background:#ECECEC;position:relative;margin:4px auto");
  const sign = make("div", "+", "position:absolute;inset:0;display:flex;align-items:center;justify-content:center;" +
    "font-size:40px;color:#767676");
  const picture = make("img", "", "position:absolute;inset:0;margin:auto;visibility:hidden");
  picture.alt = "the picture to judge";
  box.append(sign, picture);
  const row = make("div", "", "display:flex;gap:8px;justify-content:center");
  const button = (text, name, act) => {
    const made = make("button", text, "padding:4px 10px;font:inherit");
    made.className = name;
    made.addEventListener("click", () => { panel.focus(); act(); });  // a button that is switched off loses the focus
    row.append(made); return made;
  };
  const note = make("div", "", "min-height:1.4em;max-width:272px;margin-top:4px");
  note.setAttribute("role", "status");
  panel.append(heading, box, row, note); el.append(panel);

  let state = "loading", shownFor = -1, address = null, loading = 0;
  const buttons = {
    ready: [button("Show (Space)", "p2p-show", () => show())],
    asking: [button("Real (R)", "p2p-real", () => say("real")),
             button("Generated (G)", "p2p-generated", () => say("generated"))],
  };
  const paint = () => {
    for (const [when, list] of Object.entries(buttons)) for (const one of list) {
      one.style.opacity = when === state ? 1 : 0.35;
      one.setAttribute("aria-disabled", String(when !== state));
    }
    sign.textContent = { asking: "?", done: "", showing: "" }[state] ?? "+";
    picture.style.visibility = state === "showing" ? "visible" : "hidden";
    panel.dataset.state = state;
  };
  const enter = next => { state = next; paint(); };
  const show = () => {
    if (state !== "ready") return;
    model.set("shown", model.get("number") + 1); model.save_changes();   // kept here as well: no second look
    shownFor = -1;
    enter("showing");
    requestAnimationFrame(() => {
      const start = performance.now();
      setTimeout(() => { shownFor = performance.now() - start; enter("asking"); }, model.get("exposure"));
    });
  };
  const say = said => {
    if (state !== "asking") return;
    enter("loading");                                   // until the kernel has the next one
    model.set("verdict", { number: model.get("number"), shown_ms: shownFor, said }); model.save_changes();
  };
  panel.addEventListener("keydown", event => {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === " ") show();
    else if (key === "r") say("real");
    else if (key === "g") say("generated");
    else return;
    event.preventDefault(); event.stopPropagation();
  });
  const refresh = async () => {
    const turn = ++loading;
    heading.textContent = model.get("heading"); note.textContent = model.get("note");
    enter("loading");
    if (model.get("done")) { enter("done"); return; }
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    picture.src = address;
    try { await picture.decode(); } catch { note.textContent = "This picture could not be shown."; return; }
    if (turn !== loading) return;                       // meanwhile there is a newer one
    enter(model.get("shown") > model.get("number") ? "asking" : "ready");
  };
  model.on("change:deal", refresh);
  refresh();
  return () => { model.off("change:deal", refresh); if (address) URL.revokeObjectURL(address); };
}
export default { render };
"""


class StudyStage(anywidget.AnyWidget):
    """Shows one picture for a time that the browser measures, hides it, and takes the answer.

    The clock runs in the browser: a busy kernel cannot make a second longer.

    Attributes:
        png: the picture of this trial.
        number: of the trial, from 0.
        shown: how many pictures have been shown; the browser sets it, so that a view drawn anew shows none twice.
        verdict: what the browser reports: {"number": 0, "shown_ms": 1003.2, "said": "real"}. The time is -1 where it
            was lost, because the view was drawn anew in the meantime.
        deal: counts up whenever all the others belong to a new trial.

    >>> StudyStage(exposure=500).exposure
    500
    """

    _esm = STAGE_CODE
    png = traitlets.CBytes(b"").tag(sync=True)
    number = traitlets.Int(0).tag(sync=True)
    shown = traitlets.Int(0).tag(sync=True)
    exposure = traitlets.Int(EXPOSURE_MS).tag(sync=True)
    heading = traitlets.Unicode("").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    done = traitlets.Bool(False).tag(sync=True)
    verdict = traitlets.Dict({}).tag(sync=True)
    deal = traitlets.Int(0).tag(sync=True)


class RealOrFakeStudy(Explorer):
    """Practice with feedback, then a test without; at the end your fooling rate, beside earlier ones and the paper's.

    Args:
        model: whose pictures: a name in `pix2pix_edu.study.PAINTERS`, or "blind".
        trials: test trials, 10, 20 or 40; for the houses at most 20.
        seed: chooses the pictures and their order.
        observer: who answers; sessions of the same observer are taken together.
        save: whether to keep sessions, as `runs/study-001/results.json`, ... Nothing leaves this machine.

    Its controls: `model`, `trials` and `seed`; each of them begins a new session.

    Attributes:
        session: the `Session` that goes on.
        stage: what shows the pictures.
        saved: the file of the last session, or None.

    >>> study = RealOrFakeStudy("drawings-l1", trials=10, save=False)
    >>> study.expose()
    >>> study.answer("real")
    >>> study.session.number, study.stage.heading
    (1, 'Practice 2 of 10')
    """

    def __init__(
        self,
        model: str = "drawings-l1-cgan",
        trials: int = 40,
        seed: int = 0,
        observer: str = "you",
        save: bool = True,
    ) -> None:
        self.observer, self.save = observer, save
        self.stage = StudyStage()
        self.saved: Path | None = None
        self.sessions = load_sessions()
        self.session = Session(model, trials, seed, observer)  # says what is wrong with an argument
        self._settings: tuple[Any, ...] = (model, trials, seed)  # of this session
        self._show_trial(BEGIN)
        options = [(painter.words, name) for name, painter in PAINTERS.items()]
        options.append(("drawings: do not tell me", BLIND))
        super().__init__(
            {
                "model": ipywidgets.ToggleButtons(
                    options=options, value=model, description="Generator", style={"button_width": "180px"}
                ),
                "trials": ipywidgets.ToggleButtons(
                    options=[(f"{count}", count) for count in sorted({*TRIALS, trials})],
                    value=trials,
                    description="Test trials",
                    style={"button_width": "60px"},
                ),
                "seed": ipywidgets.IntSlider(seed, 0, max(SEEDS, seed), description="Seed"),
            },
            title="Real or generated? One second for each picture",
            predict="Which generator will fool you more often, L1 or L1 + cGAN? How often will you doubt the artist?",
            explain=EXPLAIN,
            width=WIDTH,
        )
        self.stage.observe(self._on_verdict, names="verdict")

    # What the browser does, for tests and programs as well

    def expose(self, milliseconds: float = EXPOSURE_MS) -> None:
        """The picture has been shown for so long, and is hidden.

        Raises:
            UsageError: it has been shown before.
        """
        with self._lock:
            self.session.expose(milliseconds)

    def answer(self, said: str) -> None:
        """Say "real" or "generated" to the picture that was shown, and go on to the next one.

        Raises:
            UsageError: another word, or a picture that has not been shown.
        """
        with self._lock:
            trial = self.session.trial
            was_right = self.session.answer(said)
            truth = "real" if trial.is_real else "generated"
            note = f"{'Right' if was_right else 'No'}: {trial.name} was {truth}." if trial.is_practice else ""
            failure = self._keep() if self.session.is_done else None
            self._show_trial(note)
            self.redraw()
            if failure is not None:
                self.error, self._message.value = failure, error_markup(failure)
                if is_strict():
                    raise failure

    def begin_anew(self) -> None:
        """A new session with other pictures: the next seed."""
        with self._lock:
            slider = self.controls["seed"]
            self._settings = ()
            self.set(seed=(slider.value + 1) % (slider.max + 1))

    # What the base asks for

    def adjust(self, *, model: str, trials: int, seed: int) -> None:
        """Other settings begin another session; of the houses there are fewer."""
        most = SIZES[PAINTERS[model].gallery][1] if model != BLIND else max(TRIALS)
        if trials > most:
            self.controls["trials"].value = trials = most
        if (model, trials, seed) == self._settings:
            return
        self._settings = (model, trials, seed)
        self.session, self.saved = Session(model, trials, seed, self.observer), None
        self._show_trial(BEGIN)

    def draw(self, **_: Any) -> np.ndarray:
        """Fooling rates: yours, with their intervals, and the paper's."""
        return _chart(pooled(self._known()))

    def caption(self, *, model: str, trials: int, seed: int) -> str:
        """What came out, or where the session is."""
        if not self.session.is_done:
            practice = len(self.session.dealt) - self.session.trials
            return (
                f"{practice} trials for practice, with feedback, then {self.session.trials} without. "
                f"{self.session.number} judged so far. In the chart: squares are fooling rates with 95 % bootstrap "
                "intervals, small discs single sessions, rings the paper's Table 4. Right of 50 % generated pictures "
                "are called real more often than not."
            )
        found = self.session.result()
        shares = {
            kind: f"{found[f'{kind}_rate']:.0%} (95 % interval {low:.0%} to {high:.0%})"
            for kind in ("fooling", "mistrust")
            for low, high in [found[f"{kind}_interval"]]
        }
        kept = f" Kept in {self.saved}." if self.saved is not None else ""
        return (
            f"{PAINTERS[self.session.painter].words}: {shares['fooling']} of the generated pictures were called real, "
            f"and {shares['mistrust']} of the real ones generated. Longest exposure "
            f"{found['exposure_ms']['longest'] / 1000:.2f} s.{kept}"
        )

    # How it works

    def _arrange_controls(self) -> ipywidgets.Widget:
        again = ipywidgets.Button(description="Begin anew, with other pictures", layout=ipywidgets.Layout(width="auto"))
        again.on_click(lambda _: self.begin_anew())
        again.add_class("p2p-begin-anew")
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        row = ipywidgets.HBox([self.controls["trials"], self.controls["seed"], again], layout=wrap)
        return ipywidgets.VBox([self.controls["model"], row, self.stage])

    def _known(self) -> list[dict[str, Any]]:
        """Earlier sessions, and the present one once it is over."""
        return [*self.sessions, self.session.result()] if self._is_unsaved() else self.sessions

    def _is_unsaved(self) -> bool:
        return self.session.is_done and self.saved is None

    def _keep(self) -> Exception | None:
        """Write the session down, and read all of them again; gives back what went wrong."""
        if not self.save:
            return None
        try:
            self.saved = save_session(self.session.result())
            self.sessions = load_sessions()
        except Exception as error:
            return error
        return None

    def _show_trial(self, note: str) -> None:
        """Hand the next picture to the stage, or tell it that the session is over."""
        session, stage = self.session, self.stage
        practice = len(session.dealt) - session.trials
        with stage.hold_sync():
            stage.done, stage.number, stage.note = session.is_done, session.number, note
            if session.is_done:
                stage.heading, stage.png = "Done: your result is below.", b""
            else:
                is_practice = session.trial.is_practice
                place = session.number + 1 - (0 if is_practice else practice)
                count = practice if is_practice else session.trials
                stage.heading = f"{'Practice' if is_practice else 'Test'} {place} of {count}"
                stage.png = to_png(at_size(session.trial.picture, 256 if session.trial.picture.shape[0] > 64 else 192))
            stage.shown = session.number
            stage.deal += 1

    def _on_verdict(self, change: Any) -> None:
        """The browser reports: shown for so long, and this was said."""
        verdict = change["new"]
        with self._lock:
            if not verdict or self.session.is_done or verdict["number"] != self.session.number:
                return  # an answer to a picture of a session that has been replaced meanwhile
            self.expose(verdict["shown_ms"])
            self.answer(verdict["said"])


# --- The chart --------------------------------------------------------------------------------------------------------


def _chart(groups: dict[tuple[str, str], dict[str, Any]]) -> np.ndarray:
    """One row for each observer and generator, below them those of the paper."""
    order = sorted(groups, key=lambda group: (group[0], list(PAINTERS).index(group[1])))
    height = 62 + ROW * (max(len(order), 1) + len(PAPER)) + 10
    sheet = Image.new("RGB", (SHARP * WIDTH, SHARP * height), "white")
    pen = ImageDraw.Draw(sheet)
    _write(pen, 8, 12, "Fooling rate: generated pictures called real", 14)
    _write(pen, AXIS[1] + 24, 34, "fooled (interval)", 11)
    _write(pen, AXIS[1] + 132, 34, "real ones doubted", 11)
    bottom = height - 6
    for percent in (0, 25, 50, 75, 100):
        _line(pen, (_across(percent), 44, _across(percent), bottom), style.GREY if percent == 50 else "#DDDDDD")
        _write(pen, _across(percent), 34, f"{percent} %", 11, "mm")
    y = 58
    for group in order:
        _draw_group(pen, y, group, groups[group])
        y += ROW
    if not order:
        _write(pen, 8, y, "your sessions will stand here", 12, colour=style.rgb(style.GREY))
        y += ROW
    for words, rate, error in PAPER:
        _write(pen, 8, y, words, 12)
        _line(pen, (_across(rate - error), y, _across(rate + error), y), style.BLACK, 2)
        _mark(pen, _across(rate), y, style.BLACK, "ring")
        _write(pen, AXIS[1] + 24, y, f"{rate:.1f} ± {error:.1f} %", 12)
        y += ROW
    return np.asarray(sheet.reduce(SHARP))


def _draw_group(pen: Any, y: int, group: tuple[str, str], found: dict[str, Any]) -> None:
    """Words, the interval, single sessions, the rate of all, and both rates as numbers."""
    observer, painter = group
    count = len(found["sessions"])
    _write(pen, 8, y, f"{observer}, {PAINTERS[painter].words}" + (f" ({count} sessions)" if count > 1 else ""), 12)
    low, high = (100 * limit for limit in found["fooling_interval"])
    _line(pen, (_across(low), y, _across(high), y), style.FAKE, 3)
    for rate in found["sessions"] if count > 1 else ():
        _mark(pen, _across(100 * rate), y + 7, style.FAKE, "disc", 3)
    _mark(pen, _across(100 * found["fooling_rate"]), y, style.FAKE, "square")
    fooled = f"{found['fooling_rate']:.0%} ({low:.0f} to {high:.0f})"
    _write(pen, AXIS[1] + 24, y, fooled, 12)
    _write(pen, AXIS[1] + 132, y, f"{found['mistrust_rate']:.0%}", 12)


def _across(percent: float) -> float:
    return AXIS[0] + (AXIS[1] - AXIS[0]) * percent / 100


def _write(pen: Any, x: float, y: float, words: str, size: int, anchor: str = "lm", colour: Any = INK) -> None:
    pen.text((SHARP * x, SHARP * y), words, fill=colour, font=font(size), anchor=anchor)


def _line(pen: Any, ends: tuple[float, float, float, float], colour: str, width: int = 1) -> None:
    pen.line([SHARP * value for value in ends], fill=style.rgb(colour), width=SHARP * width)


def _mark(pen: Any, x: float, y: float, colour: str, shape: str, radius: int = 5) -> None:
    box = [SHARP * value for value in (x - radius, y - radius, x + radius, y + radius)]
    if shape == "square":
        pen.rectangle(box, fill=style.rgb(colour), outline=style.rgb(style.BLACK), width=SHARP)
    else:
        fill = "white" if shape == "ring" else style.rgb(colour)
        pen.ellipse(box, fill=fill, outline=style.rgb(style.BLACK), width=SHARP)
