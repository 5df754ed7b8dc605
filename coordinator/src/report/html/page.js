// Draws every figure of the page from the data beside it. Loads nothing.
"use strict";

function drawFigure(place) {
  const data = place.querySelector("script");
  const plot = JSON.parse(data.textContent);
  return Plotly.newPlot(place, plot.data, plot.layout, plot.config);
}

// A printer's page is narrower than most windows, so figures are drawn again for it.
function fitToPage(width) {
  for (const place of document.querySelectorAll(".plot")) {
    Plotly.relayout(place, width ? { width: width, autosize: false } : { width: null, autosize: true });
  }
}

for (const place of document.querySelectorAll(".plot")) {
  drawFigure(place);
}
window.addEventListener("beforeprint", () => fitToPage(680));
window.addEventListener("afterprint", () => fitToPage(null));
