/**
 * The query page with its island: asks without leaving the page and shows the answer in the view one likes.
 *
 * The form of the page stays what it is: a download goes through it, and so does everything without script.
 * Nothing is stored in the browser; the address holds the query.
 */

import { empty, type View } from "./context";
import { curlLine, link } from "./curl";
import { el, type Texts } from "./dom";
import type { Editor, Known } from "./editor";
import { choose, labelQuery } from "./labels";
import { type Answer, ask, type Problem, Refused } from "./run";
import type { Place } from "./show";
import { table } from "./view-table";

const VIEWS = ["table", "graph", "map", "chart", "raw"] as const;
type Name = (typeof VIEWS)[number];
type Parameters = [string, string][];

const LANGUAGES = ["fi", "sv", "en"];
/** Characters of the raw view; the downloads hold the rest. */
const MOST_RAW = 200_000;
/** Seconds between two words about a query that runs. */
const STILL = 5;

export function start(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLTextAreaElement>("#query");
  const label = document.querySelector<HTMLElement>("#query-label");
  const status = document.querySelector<HTMLElement>("#status");
  const place = document.querySelector<HTMLElement>("#answer");
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  if (field && label && status && place && button) new Page(form, field, label, status, place, button).open();
}

class Page {
  private readonly form: HTMLFormElement;
  private readonly field: HTMLTextAreaElement;
  private readonly label: HTMLElement;
  private readonly status: HTMLElement;
  private readonly answer: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly t: Texts;
  private readonly lang = document.documentElement.lang;
  private readonly endpoint: string;
  private readonly root: string;
  private readonly base: string;
  private readonly number: Intl.NumberFormat;
  private readonly collator: Intl.Collator;
  private readonly labels = new Map<string, string>();
  private readonly asked = new Set<string>();
  private readonly known: Promise<Known>;
  private readonly cancel: HTMLButtonElement;
  private prefixes: Readonly<Record<string, string>> = {};
  private editor: Editor | undefined;
  private running: AbortController | undefined;
  private name: Name = "table";

  constructor(
    form: HTMLFormElement,
    field: HTMLTextAreaElement,
    label: HTMLElement,
    status: HTMLElement,
    answer: HTMLElement,
    button: HTMLButtonElement,
  ) {
    this.form = form;
    this.field = field;
    this.label = label;
    this.status = status;
    this.answer = answer;
    this.button = button;
    const { dataset } = form;
    const texts = JSON.parse(dataset["texts"] ?? "{}") as Record<string, string>;
    this.t = (key, values = {}) =>
      (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
    this.endpoint = new URL(form.action).pathname;
    this.root = dataset["root"] ?? "";
    this.base = dataset["base"] ?? "";
    this.number = new Intl.NumberFormat(this.lang);
    this.collator = new Intl.Collator(this.lang, { numeric: true });
    const wanted = new URLSearchParams(location.search).get("view");
    this.name = VIEWS.find((name) => name === wanted) ?? "table";
    this.cancel = el("button", { type: "button", class: "quiet" }, this.t("cancel"));
    this.cancel.hidden = true;
    this.known = fetch(dataset["terms"] ?? "", { credentials: "same-origin" })
      .then(async (response) => (response.ok ? ((await response.json()) as Known) : { terms: [], prefixes: {} }))
      .catch(() => ({ terms: [], prefixes: {} }));
  }

  open(): void {
    this.button.after(this.cancel);
    this.cancel.addEventListener("click", () => {
      this.running?.abort();
      this.button.focus();
    });
    const format = this.form.elements.namedItem("format");
    this.form.addEventListener("submit", (event) => {
      if (!(format instanceof HTMLSelectElement) || format.value !== "html") return;
      event.preventDefault();
      void this.run(true);
    });
    window.addEventListener("popstate", () => { location.reload(); });
    void this.known.then(({ prefixes }) => { this.prefixes = prefixes; });
    void import("./editor").then(({ mount }) => {
      this.editor = mount(this.field, this.label, this.t, this.known, () => void this.run(true));
      const { line, column } = this.field.dataset;
      if (line) this.fault(Number(line), Number(column ?? 1), this.answer.querySelector("#problem"));
    });
    if (new URLSearchParams(location.search).has("query") && !this.answer.querySelector("#problem")) void this.run(false);
  }

  /** The parameters of the protocol: the query and what the form keeps (at, default-graph-uri…). */
  private parameters(): Parameters {
    const kept = [...this.form.querySelectorAll<HTMLInputElement>("input[type=hidden]")];
    return [
      ["query", this.editor?.text() ?? this.field.value],
      ...kept.filter(({ name }) => name !== "lang").map(({ name, value }): [string, string] => [name, value]),
    ];
  }

  private async run(byHand: boolean): Promise<void> {
    const parameters = this.parameters();
    if (parameters[0]?.[1].trim() === "") {
      this.refuse({ status: 0, code: "", title: this.t("blank"), detail: "" });
      return;
    }
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.editor?.unmark();
    this.busy(true);
    const began = performance.now();
    const still = window.setInterval(() => {
      this.status.textContent = this.t("still", { s: this.number.format(Math.round((performance.now() - began) / 1000)) });
    }, STILL * 1000);
    try {
      const answer = await ask(this.endpoint, this.lang, parameters, running.signal);
      const { prefixes } = await this.known;
      this.prefixes = prefixes;
      if (byHand) this.remember(parameters);
      this.show(answer, parameters, (performance.now() - began) / 1000);
    } catch (error) {
      // A newer run took this one's place: what it has to say is of no interest any more.
      if (this.running !== running) return;
      if (running.signal.aborted) this.status.textContent = this.t("cancelled");
      else if (error instanceof Refused) this.refuse(error.problem);
      else this.refuse({ status: 0, code: "", title: this.t("unreached"), detail: this.t("unreached.why") });
    } finally {
      window.clearInterval(still);
      if (this.running === running) this.busy(false);
    }
  }

  private busy(is: boolean): void {
    this.cancel.hidden = !is;
    this.answer.setAttribute("aria-busy", String(is));
    if (is) this.status.textContent = this.t("running");
  }

  /** The address of the page says what it shows. */
  private remember(parameters: Parameters): void {
    const address = link(location.pathname, [...parameters, ...this.view(), ["lang", this.lang]]);
    if (address !== undefined && address !== location.pathname + location.search) history.pushState(null, "", address);
  }

  private view(): Parameters {
    return this.name === "table" ? [] : [["view", this.name]];
  }

  private show(answer: Answer, parameters: Parameters, seconds: number): void {
    const { result } = answer;
    const { t } = this;
    const took = this.number.format(Math.round(seconds * 100) / 100);
    const rows = this.number.format(result.rows.length) + (result.cut ? "+" : "");
    const summary =
      result.boolean !== undefined ? t("done.ask", { answer: t(result.boolean ? "yes" : "no"), s: took })
      : t(result.triples ? "done.triples" : "done", { n: rows, s: took });
    this.status.textContent = summary;

    const section = el("section", { "aria-labelledby": "result" }, el("h2", { id: "result" }, t("result")));
    if (result.boolean !== undefined) section.append(el("p", { class: "boolean" }, t(result.boolean ? "yes" : "no")));
    else {
      if (result.cut) section.append(el("p", { class: "cut" }, t("cut", { n: this.number.format(result.rows.length) })));
      section.append(...this.tabs(answer, parameters));
    }
    section.append(this.links(answer, parameters), this.command(answer, parameters));
    this.answer.replaceChildren(section);
    // The room that a picture has is known only now.
    section.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.click();
  }

  private tabs(answer: Answer, parameters: Parameters): HTMLElement[] {
    const { t } = this;
    const panel = el("div", { role: "tabpanel", id: "panel", tabindex: "-1" });
    const tabs = VIEWS.map((name) => el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel" }, t(`view.${name}`)));
    const choose = (index: number): void => {
      this.name = VIEWS[index] ?? "table";
      tabs.forEach((tab, other) => {
        tab.setAttribute("aria-selected", String(other === index));
        tab.setAttribute("tabindex", other === index ? "0" : "-1");
      });
      panel.setAttribute("aria-labelledby", `tab-${this.name}`);
      this.fill(panel, answer);
      this.answer.querySelector(".share")?.replaceWith(this.share(answer, parameters));
    };
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(VIEWS[index] === this.name));
      tab.addEventListener("click", () => { choose(index); });
      tab.addEventListener("keydown", ({ key }) => {
        const by = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
        if (by === 0) return;
        const next = (index + by + tabs.length) % tabs.length;
        tabs[next]?.focus();
        choose(next);
      });
    });
    return [el("div", { role: "tablist", class: "tabs", "aria-label": t("views") }, ...tabs), panel];
  }

  private fill(panel: HTMLElement, answer: Answer): void {
    const { name } = this;
    const view: View = {
      result: answer.result, t: this.t, number: this.number, collator: this.collator, labels: this.labels,
      place: this.place(),
      learn: (iris) => this.learn(iris, answer.generation),
    };
    panel.classList.toggle("wait", name !== "table" && name !== "raw");
    const put = (made: HTMLElement): void => {
      if (this.name !== name) return;
      panel.classList.remove("wait");
      const twin = name === "table" || name === "raw" ? undefined : el("button", { type: "button", class: "quiet" }, this.t("as-table"));
      twin?.addEventListener("click", () => {
        const tab = this.answer.querySelector<HTMLElement>("#tab-table");
        tab?.click();
        tab?.focus();
      });
      panel.replaceChildren(made, ...(twin ? [el("p", {}, twin)] : []));
    };
    const room = panel.clientWidth;
    // A view's code comes when it is opened for the first time.
    const made: Promise<HTMLElement> =
      name === "graph" ? import("./view-graph").then(async ({ graph }) => graph(view, room))
      : name === "chart" ? import("./view-chart").then(async ({ chart }) => chart(view, room))
      : name === "map" ? import("./view-map").then(async ({ map }) => map(view, room))
      : Promise.resolve(name === "raw" ? this.raw(answer) : table(view));
    made.then(put, () => { put(empty(this.t("unreached"), this.t("unreached.why"))); });
  }

  private raw(answer: Answer): HTMLElement {
    const text = answer.raw.slice(0, MOST_RAW);
    return el(
      "div",
      {},
      text.length < answer.raw.length ? el("p", { class: "cut" }, this.t("raw.cut")) : undefined,
      el("pre", { tabindex: "0", dir: "ltr", "aria-label": this.t("view.raw"), role: "region" }, text),
    );
  }

  private place(): Place {
    return { base: this.base, root: this.root, lang: this.lang, prefixes: this.prefixes };
  }

  private async learn(iris: Iterable<string>, generation: string): Promise<boolean> {
    const wanted = [...new Set(iris)].filter((iri) => !this.asked.has(iri));
    for (const iri of wanted) this.asked.add(iri);
    const query = labelQuery(wanted);
    if (query === "") return false;
    try {
      const at: Parameters = generation === "" ? [] : [["at", generation]];
      const { result } = await ask(this.endpoint, this.lang, [["query", query], ...at], AbortSignal.timeout(10_000));
      const found = choose(result, [this.lang, ...LANGUAGES]);
      for (const [iri, label] of found) this.labels.set(iri, label);
      return found.size > 0;
    } catch {
      // Names with prefixes do as well.
      return false;
    }
  }

  /** The parameters with the generation that answered, so that a link shows the same for good. */
  private pinned(answer: Answer, parameters: Parameters): Parameters {
    const rest = parameters.filter(([name]) => name !== "at");
    return answer.generation === "" ? parameters : [...rest, ["at", answer.generation]];
  }

  private share(answer: Answer, parameters: Parameters): HTMLElement {
    const address = link(location.pathname, [...this.pinned(answer, parameters), ...this.view(), ["lang", this.lang]]);
    const generation = el("span", { class: "tag" }, this.t("generation", { n: answer.generation }));
    if (address === undefined) return el("span", { class: "share" }, this.t("share.long"));
    const copy = this.copier(() => location.origin + address);
    return el("span", { class: "share" }, el("a", { href: address }, this.t("share")), " ", generation, " ", copy);
  }

  private links(answer: Answer, parameters: Parameters): HTMLElement {
    const formats =
      answer.result.boolean !== undefined ? ["json", "xml"]
      : answer.result.triples ? ["ttl", "nt", "rdf", "jsonld"]
      : ["csv", "tsv", "json", "xml"];
    const row = el("p", { class: "links" }, this.share(answer, parameters), " · ", this.t("download"), ": ");
    formats.forEach((format, index) => {
      const address = link(this.endpoint, [...this.pinned(answer, parameters), ["format", format]]);
      const name = NAMES[format] ?? format;
      row.append(index > 0 ? ", " : "", address === undefined ? this.sent(name, format, answer, parameters) : el("a", { href: address }, name));
    });
    return row;
  }

  /** A download whose address would be too long: sent as a form. */
  private sent(name: string, format: string, answer: Answer, parameters: Parameters): HTMLElement {
    const fields = [...this.pinned(answer, parameters), ["format", format]].map(([key, value]) => el("input", { type: "hidden", name: key ?? "", value: value ?? "" }));
    return el("form", { method: "post", action: this.endpoint, class: "inline" }, ...fields, el("button", { class: "quiet" }, name));
  }

  private command(answer: Answer, parameters: Parameters): HTMLElement {
    const accept = answer.result.boolean !== undefined ? "application/sparql-results+json" : answer.result.triples ? "text/turtle" : "text/csv";
    const line = curlLine(new URL(this.form.action).href, accept, parameters);
    return el(
      "div",
      { class: "curl" },
      el("h3", { id: "curl" }, this.t("curl")),
      el("pre", { tabindex: "0", role: "region", "aria-labelledby": "curl", dir: "ltr" }, line),
      this.copier(() => line),
    );
  }

  private copier(text: () => string): HTMLElement {
    const button = el("button", { type: "button", class: "quiet" }, this.t("copy"));
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(text()).then(
        () => { this.status.textContent = this.t("copied"); },
        () => { this.status.textContent = this.t("copy.failed"); },
      );
    });
    return button;
  }

  private refuse(problem: Problem): void {
    const { t } = this;
    this.status.textContent = "";
    const box = el("section", { id: "problem", class: "problem", role: "alert" }, el("h2", {}, problem.title));
    const advice = t(`advice.${problem.code}`);
    if (problem.code !== "" && advice !== `advice.${problem.code}`) box.append(el("p", {}, advice));
    if (problem.retry !== undefined) box.append(el("p", {}, t("retry", { s: this.number.format(problem.retry) })));
    // The server explains in English; only titles and our advice are in the reader's language.
    if (problem.detail) box.append(el("p", {}, el("bdi", { lang: "en" }, problem.detail.slice(0, 2_000))));
    if (problem.hint) box.append(el("p", {}, el("strong", {}, `${t("hint")}:`), " ", el("bdi", { lang: "en" }, problem.hint.slice(0, 2_000))));
    if (problem.code === "generation-not-kept") box.append(el("p", {}, el("a", { href: this.newest() }, t("newest"))));
    if (problem.code) box.append(el("p", { class: "code" }, el("a", { href: `${this.root}/docs?lang=${this.lang}#${problem.code}` }, el("code", {}, problem.code))));
    this.answer.replaceChildren(box);
    if (problem.line !== undefined) this.fault(problem.line, problem.column ?? 1, box);
  }

  private newest(): string {
    const rest = this.parameters().filter(([name]) => name !== "at");
    return link(location.pathname, [...rest, ["lang", this.lang]]) ?? location.pathname;
  }

  /** Mark the line of a fault, and offer a way there. */
  private fault(line: number, column: number, box: HTMLElement | null): void {
    this.editor?.mark(line, column, this.t("fault", { line, column }));
    const go = el("button", { type: "button", class: "quiet" }, this.t("go", { line, column }));
    go.addEventListener("click", () => this.editor?.go(line, column));
    box?.append(el("p", {}, go));
  }
}

const NAMES: Readonly<Record<string, string>> = {
  csv: "CSV", tsv: "TSV", json: "JSON", xml: "XML", ttl: "Turtle", nt: "N-Triples", rdf: "RDF/XML", jsonld: "JSON-LD",
};
