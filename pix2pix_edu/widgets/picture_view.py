"""The picture of a widget in the browser: ipywidgets' own `Image` has no place for a description."""

from __future__ import annotations

import anywidget
import traitlets

# What `ClickPicture` shares: an <img> that follows the model's `value`, `alt` and `width`.
IMAGE_CODE = r"""
function imageOf(model, stops) {
  const image = document.createElement("img");
  image.style.cssText = "display:block;max-width:100%;height:auto";
  if (model.get("width")) image.style.width = `${model.get("width")}px`;
  const show = () => {
    const bytes = model.get("value"), old = image.src;
    if (!bytes || !bytes.byteLength) return;
    image.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  const say = () => { image.alt = model.get("alt"); };
  for (const [name, act] of [["change:value", show], ["change:alt", say]]) {
    model.on(name, act); stops.push(() => model.off(name, act));
  }
  stops.push(() => { if (image.src) URL.revokeObjectURL(image.src); });
  show(); say();
  return image;
}
"""


class PictureView(anywidget.AnyWidget):
    """Shows PNG bytes, with a description for those who cannot see them.

    Attributes:
        value: PNG bytes.
        alt: what they show, in words.
        width: in pixels of the page, at most the width of the page; None shows the picture pixel for pixel.

    >>> PictureView(alt="a map").alt
    'a map'
    """

    _esm = (
        IMAGE_CODE
        + r"""
function render({ model, el }) {
  const stops = [];
  el.append(imageOf(model, stops));
  return () => { for (const stop of stops) stop(); };
}
export default { render };
"""
    )
    value = traitlets.CBytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(None, allow_none=True).tag(sync=True)
