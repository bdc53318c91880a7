/**
 * YASGUI's editor (Yasqe, on CodeMirror 5) in the place of the text field, which stays and holds the text.
 *
 * Yasqe would ask prefix.cc and lov.linkeddata.es, keep queries in localStorage and write its hints into
 * inline styles; all of that is switched off, and completion and the mark of a fault are ours.
 */

import Yasqe from "@zazuko/yasqe";
import "@zazuko/yasqe/build/yasqe.min.css";
import { type OntologyTerm, type Suggestion, spotOf, suggest } from "./complete";
import { el, type Texts } from "./dom";

export interface Editor {
  text(): string;
  /** Mark a place (from 1) as wrong. */
  mark(line: number, column: number, message: string): void;
  unmark(): void;
  /** Put the cursor at a place (from 1). */
  go(line: number, column: number): void;
}

export interface Known {
  readonly terms: readonly OntologyTerm[];
  readonly prefixes: Readonly<Record<string, string>>;
}

/** The part of CodeMirror 5 that is used here. */
interface Mirror {
  getValue(): string;
  setSize(width: string | null, height: string | null): void;
  focus(): void;
  refresh(): void;
  lineCount(): number;
  getLine(line: number): string;
  getCursor(): Position;
  setCursor(at: Position): void;
  getRange(from: Position, to: Position): string;
  replaceRange(text: string, from: Position, to?: Position): void;
  getTokenAt(at: Position, precise?: boolean): { state: { OK?: boolean }; start: number };
  addLineClass(line: number, where: string, name: string): void;
  removeLineClass(line: number, where: string, name?: string): void;
  setGutterMarker(line: number, gutter: string, mark: HTMLElement | null): void;
  clearGutter(gutter: string): void;
  getWrapperElement(): HTMLElement;
  showHint(options: object): void;
  on(event: string, call: (mirror: unknown, change: { origin?: string; text?: readonly string[] }) => void): void;
  checkSyntax: () => void;
}
interface Position {
  line: number;
  ch: number;
}

const GUTTER = "gutterErrorBar";
/** Milliseconds without a key after which the text is looked over. */
const PAUSE = 500;

export function mount(
  field: HTMLTextAreaElement,
  label: HTMLElement,
  note: HTMLElement,
  t: Texts,
  known: Promise<Known>,
  run: () => void,
): Editor {
  const height = field.offsetHeight;
  const holder = el("div", { class: "mirror" });
  field.before(holder);
  // Its own completers ask other hosts: none of them may ever be made.
  Yasqe.defaults.autocompleters = [];
  let data: Known = { terms: [], prefixes: {} };
  void known.then((found) => { data = found; });
  const complete = (asked: boolean): void => { hint(mirror, data, t, asked); };
  const settings = {
    value: field.value,
    autocompleters: [],
    prefixCcApi: null,
    persistenceId: null,
    consumeShareLink: null,
    createShareableLink: null,
    showQueryButton: false,
    resizeable: false,
    syntaxErrorCheck: false,
    foldGutter: false,
    gutters: [GUTTER, "CodeMirror-linenumbers"],
    editorHeight: `${String(height)}px`,
    // So that screen readers read the text itself, not a hidden field of one line.
    inputStyle: "contenteditable",
    screenReaderLabel: label.textContent,
    spellcheck: false,
    lineWrapping: true,
    cursorBlinkRate: 0,
    extraKeys: {
      // Tab goes on to the next thing on the page, as everywhere.
      Tab: false,
      "Shift-Tab": false,
      Esc: false,
      "Ctrl-S": false,
      "Shift-Ctrl-D": false,
      "Shift-Ctrl-K": false,
      "Ctrl-Space": () => { complete(true); },
      "Ctrl-Enter": run,
      "Cmd-Enter": run,
    },
  };
  const mirror = new Yasqe(holder, settings as object) as unknown as Mirror;
  // Not the library's, which writes its finding in English and with inline styles.
  mirror.checkSyntax = () => undefined;

  field.hidden = true;
  field.required = false;
  field.removeAttribute("aria-describedby");
  const input = holder.querySelector("[contenteditable]");
  input?.setAttribute("aria-describedby", note.id);
  label.removeAttribute("for");
  label.addEventListener("click", () => { mirror.focus(); });

  let timer = 0;
  let marked: number | undefined;
  const unmark = (): void => {
    if (marked !== undefined) {
      mirror.removeLineClass(marked, "background", "faulty");
      mirror.clearGutter(GUTTER);
      marked = undefined;
    }
    note.textContent = t("keys");
    note.classList.remove("wrong");
    input?.removeAttribute("aria-invalid");
  };
  const mark = (line: number, _column: number, message: string): void => {
    unmark();
    marked = Math.min(Math.max(line, 1), mirror.lineCount()) - 1;
    mirror.addLineClass(marked, "background", "faulty");
    mirror.setGutterMarker(marked, GUTTER, el("span", { class: "fault-mark", title: message }, "!"));
    note.textContent = message;
    note.classList.add("wrong");
    input?.setAttribute("aria-invalid", "true");
  };
  const look = (): void => {
    unmark();
    const line = firstFault(mirror);
    if (line !== undefined) mark(line + 1, 1, t("syntax", { line: line + 1 }));
  };
  mirror.on("change", () => {
    field.value = mirror.getValue();
    window.clearTimeout(timer);
    unmark();
    timer = window.setTimeout(look, PAUSE);
  });
  mirror.on("inputRead", (_, change) => {
    if (change.text?.length === 1) complete(false);
  });
  unmark();
  return {
    text: () => mirror.getValue(),
    mark: (line, column, message) => {
      window.clearTimeout(timer);
      mark(line, column, message);
    },
    unmark,
    go: (line, column) => {
      mirror.focus();
      mirror.setCursor({ line: line - 1, ch: column - 1 });
    },
  };
}

/** The first line that the grammar does not take; undefined while all of it may still become a query. */
function firstFault(mirror: Mirror): number | undefined {
  for (let line = 0; line < mirror.lineCount(); line += 1) {
    if (mirror.getTokenAt({ line, ch: mirror.getLine(line).length }, true).state.OK === false) return line;
  }
  return undefined;
}

function hint(mirror: Mirror, data: Known, t: Texts, asked: boolean): void {
  const spot = spotOf(mirror.getRange({ line: 0, ch: 0 }, mirror.getCursor()), asked);
  if (!spot) return;
  const found = suggest(spot, data.terms, data.prefixes, mirror.getValue());
  // A finished word needs no list of one.
  if (found.length === 0 || (!asked && found.length === 1 && found[0]?.text === spot.word)) return;
  // Looked up again at each key while the list is open.
  mirror.showHint({ completeSingle: false, closeCharacters: /[\s()[\]{};,>"']/, hint: () => hints(mirror, data) });
  document.querySelector(".CodeMirror-hints")?.setAttribute("aria-label", t("hints"));
}

function hints(mirror: Mirror, data: Known): object | undefined {
  const cursor = mirror.getCursor();
  const spot = spotOf(mirror.getRange({ line: 0, ch: 0 }, cursor), true);
  if (!spot) return undefined;
  const from = { line: cursor.line, ch: spot.from };
  const list = suggest(spot, data.terms, data.prefixes, mirror.getValue()).map((suggestion) => ({
    text: suggestion.text,
    render: (item: HTMLElement) => {
      item.append(el("span", { class: "hint-name" }, suggestion.name), " ", el("bdi", { class: "hint-label" }, suggestion.label));
    },
    hint: () => { put(mirror, suggestion, from); },
  }));
  return { list, from, to: cursor };
}

function put(mirror: Mirror, suggestion: Suggestion, from: Position): void {
  mirror.replaceRange(suggestion.text, from, mirror.getCursor());
  if (suggestion.prefix) {
    const [prefix, space] = suggestion.prefix;
    mirror.replaceRange(`PREFIX ${prefix}: <${space}>\n`, { line: 0, ch: 0 });
  }
}
