/*
 * Suggestions under the search field of the front page: a combobox as the ARIA Authoring Practices describe it.
 * Without this script, or with the list closed, the form searches as any form does.
 */
interface Hit {
  label: string;
  page: string;
}

/** Milliseconds of silence before the server is asked. */
const PAUSE = 150;
const MOST = 8;

function start(form: HTMLFormElement): void {
  const input = form.querySelector<HTMLInputElement>('input[type="search"]');
  const address = form.dataset["suggest"];
  if (!input || !address) return;

  const list = document.createElement("ul");
  list.id = `${input.id}-suggestions`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.querySelector("label")?.textContent ?? "");
  list.hidden = true;
  const status = document.createElement("p");
  status.className = "hidden";
  status.setAttribute("role", "status");
  input.after(list, status);
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

  let hits: Hit[] = [];
  let chosen = -1;
  let timer = 0;
  let asking: AbortController | undefined;

  const close = (): void => {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const choose = (index: number): void => {
    chosen = index;
    [...list.children].forEach((option, place) => { option.setAttribute("aria-selected", String(place === index)); });
    const option = list.children[index];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const open = (index: number): void => {
    const hit = hits[index];
    if (hit) window.location.assign(withLanguage(hit.page, form));
  };

  const show = (found: Hit[]): void => {
    hits = found;
    list.replaceChildren(
      ...found.map((hit, index) => {
        const option = document.createElement("li");
        option.id = `${list.id}-${String(index)}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        const name = document.createElement("bdi");
        name.textContent = hit.label.length > 120 ? `${hit.label.slice(0, 119)}…` : hit.label;
        option.append(name);
        // Before the field loses the focus, which closes the list.
        option.addEventListener("mousedown", (event) => { event.preventDefault(); });
        option.addEventListener("click", () => { open(index); });
        return option;
      }),
    );
    const count = form.dataset["count"] ?? "{n}";
    status.textContent = found.length ? count.replace("{n}", String(found.length)) : (form.dataset["none"] ?? "");
    chosen = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
  };

  const ask = async (): Promise<void> => {
    asking?.abort();
    const words = input.value.trim();
    if (words.length < 2) {
      close();
      status.textContent = "";
      return;
    }
    asking = new AbortController();
    const query = new URLSearchParams({ q: words.slice(0, 200), limit: String(MOST), lang: document.documentElement.lang });
    try {
      const answer = await fetch(`${address}?${query}`, { signal: asking.signal, headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const body = (await answer.json()) as { hits: Hit[] };
      if (document.activeElement === input) show(body.hits.filter((hit) => hit.label));
    } catch {
      // Suggestions are a help only: the form still searches.
    }
  };

  input.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), PAUSE);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const closed = list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (closed) {
        void ask();
        return;
      }
      const step = event.key === "ArrowDown" ? 1 : -1;
      // Past the ends the field itself is next.
      choose(((chosen + 1 + step + hits.length + 1) % (hits.length + 1)) - 1);
    } else if (event.key === "Escape" && !closed) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && !closed && chosen >= 0) {
      event.preventDefault();
      open(chosen);
    }
  });
}

/** The page of a thing in the reader's language; the path is ours, so a foreign address is never followed. */
function withLanguage(page: string, form: HTMLFormElement): string {
  const address = new URL(page, window.location.origin);
  if (address.origin !== window.location.origin) return form.action;
  address.searchParams.set("lang", document.documentElement.lang);
  return address.pathname + address.search;
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-suggest]")) start(form);
