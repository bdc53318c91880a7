/**
 * The editor's form looks at itself while somebody types: what the button "check" says of the whole form, said
 * beside the fields. Without this script the button does it.
 */

interface Fault {
  at: string;
  name: string;
  text: string;
}

interface Verdict {
  faults: Fault[];
  summary: string;
}

const PAUSE = 900;

const form = document.querySelector<HTMLFormElement>("form.editor");
const summary = document.getElementById("summary");
let waiting = 0;
let running: AbortController | undefined;

function isVerdict(value: unknown): value is Verdict {
  return typeof value === "object" && value !== null && "faults" in value && "summary" in value;
}

/** Take away what was said before, also what the server wrote into the page. */
function clear(within: HTMLElement): void {
  for (const old of within.querySelectorAll(".at")) old.remove();
  for (const input of within.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const kept = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => !id.includes("fault-"));
    if (kept.join("")) input.setAttribute("aria-describedby", kept.join(" "));
    else input.removeAttribute("aria-describedby");
  }
}

/** Put one fault under its field, and tie it to the field for those who hear the page. */
function place(fault: Fault): boolean {
  const input = fault.at ? document.getElementById(fault.at) : null;
  if (!input) return false;
  const id = `fault-${fault.at}`;
  let box = document.getElementById(id);
  if (!box) {
    box = document.createElement("div");
    box.className = "at";
    box.id = id;
    input.closest(".row, .resting")?.append(box);
  }
  const line = document.createElement("p");
  line.textContent = fault.text;
  box.append(line);
  input.setAttribute("aria-invalid", "true");
  const told = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
  input.setAttribute("aria-describedby", [...told, id].join(" "));
  return true;
}

function show(verdict: Verdict): void {
  if (!form || !summary) return;
  clear(form);
  const elsewhere = verdict.faults.filter((fault) => !place(fault));
  const line = document.createElement("p");
  line.textContent = verdict.summary;
  const more = elsewhere.map((fault) => {
    const text = document.createElement("p");
    text.textContent = fault.text;
    return text;
  });
  summary.className = verdict.faults.length > 0 ? "summary notice fault" : "summary notice";
  summary.setAttribute("role", "status");
  summary.replaceChildren(line, ...more);
}

async function look(): Promise<void> {
  if (!form) return;
  running?.abort();
  running = new AbortController();
  const data = new FormData(form);
  data.set("action", "check");
  try {
    // Not form.action: buttons of that name hide it.
    const answer = await fetch(form.getAttribute("action") ?? "", {
      method: "POST",
      body: data,
      headers: { accept: "application/json" },
      signal: running.signal,
    });
    const verdict: unknown = answer.ok ? await answer.json() : null;
    if (isVerdict(verdict)) show(verdict);
  } catch {
    // The button still does it, and says what is wrong.
  }
}

form?.addEventListener("input", () => {
  window.clearTimeout(waiting);
  waiting = window.setTimeout(() => void look(), PAUSE);
});
form?.addEventListener("submit", () => {
  window.clearTimeout(waiting);
  running?.abort();
});
// What is wrong is said first to those who do not see the page change.
if (summary?.getAttribute("role") === "alert") summary.focus();
