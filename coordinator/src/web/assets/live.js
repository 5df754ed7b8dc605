// Fetches the page again when the server says that something changed, and puts in what is new. Pages are whole
// without it. Loads nothing from elsewhere.
const state = document.getElementById("live");
const shown = new Map();
for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, part.innerHTML);

// Where the reader is in a part stays as it was.
function replace(old, next) {
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const scrolled = [...old.querySelectorAll(".scroll")].map((part) => part.scrollLeft);
  const chosen = [...old.querySelectorAll("input:checked")].map((input) => input.value);
  old.replaceChildren(...next.childNodes);
  old.querySelectorAll(".scroll").forEach((part, index) => { part.scrollLeft = scrolled[index] ?? 0; });
  for (const input of old.querySelectorAll("input")) input.checked = chosen.includes(input.value);
  if (focused) old.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

let busy = false;
let again = false;
async function refresh() {
  again = busy || document.hidden;
  if (again) return;
  busy = true;
  try {
    const answer = await fetch(location.href);
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const next = fresh.getElementById(old.id);
        if (!next || shown.get(old.id) === next.innerHTML) continue;
        shown.set(old.id, next.innerHTML);
        replace(old, next);
      }
    }
  } catch {
    state.textContent = "not connected";
  } finally {
    busy = false;
    if (again) refresh();
    else soon();
  }
}
// Something is being read for the first time.
function soon() {
  const part = document.querySelector("[data-soon]");
  if (part) setTimeout(part.dataset.soon === "reload" ? () => location.reload() : refresh, 700);
}
soon();

document.addEventListener("visibilitychange", () => { if (again) refresh(); });
const changes = new EventSource("/changes");
changes.onopen = () => { state.textContent = "live"; };
changes.onerror = () => { state.textContent = "not connected"; };
changes.onmessage = refresh;
