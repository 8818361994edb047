"""`python -m pix2pix_edu` is the same as `pix2pix-edu`."""

from __future__ import annotations

from pix2pix_edu.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
