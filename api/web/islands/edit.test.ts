// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from "vitest";

const PAGE = `
<div id="summary" class="summary notice" role="status"></div>
<form class="editor" action="/edit/page/a?lang=fi">
  <div class="row"><input id="value-0" name="value.0" value="x" aria-describedby="hint"></div>
  <button name="action" value="check">Tarkista</button>
</form>`;

const fetched = vi.fn<typeof fetch>();

function says(verdict: unknown): void {
  fetched.mockResolvedValue(new Response(JSON.stringify(verdict), { status: 200 }));
}

async function type(): Promise<void> {
  document.querySelector("input")?.dispatchEvent(new Event("input", { bubbles: true }));
  await vi.advanceTimersByTimeAsync(1000);
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.stubGlobal("fetch", fetched);
  fetched.mockReset();
  document.body.replaceChildren(...new DOMParser().parseFromString(PAGE, "text/html").body.childNodes);
  await import("./edit");
});

test("a fault is put under its field and tied to it, as text", async () => {
  says({ faults: [{ at: "value-0", name: "Nimi", text: "<b>Puuttuu</b>" }], summary: "Korjattavaa: 1" });

  await type();

  const input = document.getElementById("value-0");
  expect(input?.getAttribute("aria-invalid")).toBe("true");
  expect(input?.getAttribute("aria-describedby")).toBe("hint fault-value-0");
  expect(document.getElementById("fault-value-0")?.textContent).toBe("<b>Puuttuu</b>");
  expect(document.getElementById("summary")?.textContent).toBe("Korjattavaa: 1");
  expect(document.querySelector("b")).toBeNull();
});

test("a fault that is mended goes away", async () => {
  says({ faults: [{ at: "value-0", name: "Nimi", text: "Puuttuu" }], summary: "Korjattavaa: 1" });
  await type();
  says({ faults: [], summary: "Muutos noudattaa sääntöjä." });
  await type();

  expect(document.querySelector(".at")).toBeNull();
  expect(document.getElementById("value-0")?.hasAttribute("aria-invalid")).toBe(false);
  expect(document.getElementById("value-0")?.getAttribute("aria-describedby")).toBe("hint");
});

test("the form is sent to its own address, though a button is called action", async () => {
  says({ faults: [], summary: "" });
  await type();

  expect(fetched.mock.calls[0]?.[0]).toBe("/edit/page/a?lang=fi");
});

test("an answer that is no verdict changes nothing", async () => {
  fetched.mockResolvedValue(new Response("{}", { status: 401 }));
  await type();

  expect(document.getElementById("summary")?.textContent).toBe("");
});
