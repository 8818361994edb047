"""Names and states of ipywidgets' controls for screen readers, which ipywidgets shows to the eye only.

A slider of ipywidgets has a label beside it, but its handle does not know: a screen reader says "slider, 3". Of buttons
that belong together only the colour tells which one is pressed. And a caption that changes changes in silence. `Names`,
a widget without a body, mends that for everything around it, and keeps it up when a control changes.
"""

from __future__ import annotations

import anywidget

NAMES_CODE = r"""
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

/** What stands beside a control, or else above it. */
function labelOf(control) {
  const own = control.querySelector(":scope > .widget-label")?.textContent.trim();
  if (own) return own;
  for (let other = control.previousElementSibling; other; other = other.previousElementSibling) {
    const words = other.textContent.trim();
    if (words && !other.matches("style")) return words.slice(0, 200);
  }
  return "";
}

function nameAll(root) {
  for (const slider of root.querySelectorAll(".widget-slider")) {
    const label = labelOf(slider);
    for (const handle of slider.querySelectorAll(".noUi-handle")) {
      const shown = slider.querySelector(".widget-readout")?.textContent.trim();
      set(handle, { "aria-label": label, ...(shown ? { "aria-valuetext": shown } : {}) });
      if (slider.querySelector("[disabled]")) set(handle, { "aria-disabled": "true" });
      else handle.removeAttribute("aria-disabled");
    }
    for (const number of slider.querySelectorAll(".widget-readout[contenteditable=true]")) {
      set(number, { role: "textbox", "aria-label": `${label}, as a number` });
    }
  }
  for (const group of root.querySelectorAll(".widget-toggle-buttons")) {
    set(group, { role: "group", "aria-label": labelOf(group) });
    for (const button of group.querySelectorAll("button")) {
      set(button, { "aria-pressed": String(button.classList.contains("mod-active")) });
    }
  }
  for (const group of root.querySelectorAll(".widget-radio")) {
    set(group, { role: "radiogroup", "aria-label": labelOf(group) });
  }
  for (const caption of root.querySelectorAll(".p2p-caption")) set(caption, { "aria-live": "polite" });
  for (const bar of root.querySelectorAll(".widget-hprogress")) set(bar, { "aria-hidden": "true" });  // words follow it
}

function render({ el }) {
  let observer = null, later = 0, tries = 0;
  el.style.display = "none";
  const attach = () => {
    const root = el.closest(".p2p-widget");
    if (!root) {                                       // not in the page yet
      if (tries++ < 200) later = setTimeout(attach, 50);
      return;
    }
    observer = new MutationObserver(() => nameAll(root));
    observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true,
      attributeFilter: ["class", "disabled", "contenteditable", "aria-valuenow"] });
    nameAll(root);
  };
  attach();
  return () => { clearTimeout(later); observer?.disconnect(); };
}
export default { render };
"""


class Names(anywidget.AnyWidget):
    """Put it among the parts of a view with the CSS class `p2p-widget`; it has no size.

    >>> Names().layout.display
    'none'
    """

    _esm = NAMES_CODE

    def __init__(self) -> None:
        super().__init__()
        self.layout.display = "none"
