// Shows at once, next to the pointer, what a browser shows of a mark after a while. Loads nothing. Marks may
// come later.
"use strict";

const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.hidden = true;
document.addEventListener("pointermove", (event) => {
  const mark = event.target;
  const title = mark.closest?.("figure") && mark.querySelector(":scope > title");
  if (title) {
    mark.dataset.tip = title.textContent;
    title.remove();
  }
  const words = mark.dataset?.tip;
  tip.hidden = !words;
  if (!words) return;
  tip.textContent = words;
  const left = Math.min(event.pageX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${left}px`;
  tip.style.top = `${event.pageY + 18}px`;
});
