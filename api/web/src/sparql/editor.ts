/**
 * The query editor (CodeMirror 6 with a grammar of SPARQL) in the place of the text field, which stays and
 * holds the text for the form.
 *
 * It lives in a shadow tree: there CodeMirror's own styles are constructed sheets, which the policy of our
 * pages allows; in the document they would be <style> elements, which it does not.
 */

import { autocompletion, type Completion, type CompletionContext, type CompletionResult, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, highlightSpecialChars, keymap, lineNumbers, showPanel } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { sparql } from "codemirror-lang-sparql";
import { type OntologyTerm, type Suggestion, spotOf, suggest } from "./complete";
import { el, type Texts } from "./dom";

export interface Editor {
  text(): string;
  /** Mark a place (from 1) as wrong, and say so. */
  mark(line: number, column: number, message: string): void;
  unmark(): void;
  /** Put the cursor at a place (from 1). */
  go(line: number, column: number): void;
}

export interface Known {
  readonly terms: readonly OntologyTerm[];
  readonly prefixes: Readonly<Record<string, string>>;
}

/** Milliseconds without a key after which the text is looked over. */
const PAUSE = 700;

const setMark = StateEffect.define<number | undefined>();
const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      if (effect.value === undefined) return Decoration.none;
      const line = transaction.state.doc.lineAt(effect.value);
      const place = Decoration.mark({ class: "cm-fault" });
      const ranges = [Decoration.line({ class: "cm-faulty" }).range(line.from)];
      if (effect.value < line.to) ranges.push(place.range(effect.value, line.to));
      return Decoration.set(ranges);
    }
    return marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function mount(
  field: HTMLTextAreaElement,
  label: HTMLElement,
  t: Texts,
  known: Promise<Known>,
  run: () => void,
): Editor {
  const height = field.offsetHeight;
  const holder = el("div", { class: "code" });
  const root = holder.attachShadow({ mode: "open" });
  field.before(holder);
  let data: Known = { terms: [], prefixes: {} };
  void known.then((found) => { data = found; });

  const note = el("p", { id: "note", class: "note" }, t("keys"));
  let timer = 0;
  const unmark = (): void => {
    window.clearTimeout(timer);
    note.textContent = t("keys");
    note.classList.remove("wrong");
    if (view.state.field(marked).size > 0) view.dispatch({ effects: setMark.of(undefined) });
  };
  const markAt = (place: number, message: string): void => {
    view.dispatch({ effects: setMark.of(place) });
    note.textContent = message;
    note.classList.add("wrong");
  };
  const look = (): void => {
    const place = firstFault(view.state);
    if (place !== undefined && !isTyping(view.state, place)) markAt(place, t("syntax", { line: view.state.doc.lineAt(place).number }));
  };
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => { run(); return true; } }])),
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        bracketMatching(),
        sparql(),
        syntaxHighlighting(STYLE),
        marked,
        theme(height),
        EditorView.lineWrapping,
        EditorView.domEventHandlers({ beforeinput: overwrite }),
        autocompletion({ override: [(context) => complete(context, data)], icons: false }),
        EditorState.phrases.of({ Completions: t("hints") }),
        EditorView.contentAttributes.of({ "aria-label": label.textContent, "aria-describedby": note.id, spellcheck: "false" }),
        showPanel.of(() => ({ dom: note })),
        // Tab is not among the keys: it goes on to the next thing on the page.
        keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          field.value = update.state.doc.toString();
          // Not within an update: the view takes no other one then.
          window.clearTimeout(timer);
          timer = window.setTimeout(() => { unmark(); look(); }, PAUSE);
        }),
      ],
    }),
  });

  // Who writes in the plain field already goes on writing in the same place.
  const writing = document.activeElement === field;
  const caret = field.selectionStart;
  field.hidden = true;
  field.required = false;
  if (writing) {
    view.focus();
    view.dispatch({ selection: { anchor: Math.min(caret, view.state.doc.length) } });
  }
  label.removeAttribute("for");
  label.addEventListener("click", () => { view.focus(); });
  const offset = (line: number, column: number): number => {
    const found = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
    return Math.min(found.to, found.from + Math.max(0, column - 1));
  };
  return {
    text: () => view.state.doc.toString(),
    mark: (line, column, message) => {
      window.clearTimeout(timer);
      markAt(offset(line, column), message);
    },
    unmark,
    go: (line, column) => {
      view.focus();
      view.dispatch({ selection: { anchor: offset(line, column) }, scrollIntoView: true });
    },
  };
}

/**
 * Put text in the place of a selection ourselves: the browser would keep the look of what was selected in an
 * inline style, which the policy of our pages refuses.
 */
function overwrite(event: InputEvent, view: EditorView): boolean {
  if (event.inputType !== "insertText" || event.data === null || view.composing || view.state.selection.main.empty) return false;
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

/** Where the grammar stops; undefined while what is missing is only the end. */
function firstFault(state: EditorState): number | undefined {
  const end = state.doc.toString().trimEnd().length;
  let found: number | undefined;
  syntaxTree(state).iterate({
    enter(node) {
      if (node.type.isError) found ??= node.from;
      return found === undefined;
    },
  });
  return found !== undefined && found < end ? found : undefined;
}

/** Whether the cursor stands at the end of the very word that is not understood: it may not be finished. */
function isTyping(state: EditorState, place: number): boolean {
  const cursor = state.selection.main.head;
  return cursor >= place && !/\s/.test(state.sliceDoc(place, cursor));
}

function complete(context: CompletionContext, data: Known): CompletionResult | null {
  const query = context.state.doc.toString();
  const spot = spotOf(query.slice(0, context.pos), context.explicit);
  if (!spot) return null;
  const found = suggest(spot, data.terms, data.prefixes, query);
  // A finished word needs no list of one.
  if (!context.explicit && found.length === 1 && found[0]?.text === spot.word) return null;
  const options = found.map((suggestion): Completion => ({
    label: suggestion.name,
    ...(suggestion.label ? { detail: suggestion.label } : {}),
    apply: (view, _, from, to) => { put(view, suggestion, from, to); },
  }));
  return { from: context.state.doc.lineAt(context.pos).from + spot.from, options, filter: false };
}

function put(view: EditorView, suggestion: Suggestion, from: number, to: number): void {
  const [prefix, space] = suggestion.prefix ?? [];
  const first = prefix === undefined || space === undefined ? "" : `PREFIX ${prefix}: <${space}>\n`;
  view.dispatch({
    changes: [{ from: 0, insert: first }, { from, to, insert: suggestion.text }],
    selection: { anchor: first.length + from + suggestion.text.length },
    userEvent: "input.complete",
  });
}

const STYLE = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: tags.variableName, fontWeight: "600" },
  { tag: tags.string, fontStyle: "italic" },
]);

function theme(height: number): ReturnType<typeof EditorView.theme> {
  return EditorView.theme({
    "&": { color: "var(--ink)", backgroundColor: "var(--tint)", border: "1px solid var(--soft)", borderRadius: "4px", minHeight: `${String(height)}px`, maxHeight: "75vh" },
    "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
    ".cm-scroller": { font: ".92rem/1.5 ui-monospace, 'Cascadia Code', 'DejaVu Sans Mono', monospace", overflow: "auto", flex: "1 1 auto" },
    ".cm-content": { caretColor: "var(--ink)", padding: ".6rem 0" },
    ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--tint)", borderRight: "1px solid var(--line)" },
    ".cm-faulty": { backgroundColor: "var(--fault-tint)", borderInlineStart: "4px solid var(--fault)" },
    ".cm-fault": { textDecoration: "underline wavy var(--fault)" },
    "&.cm-focused .cm-matchingBracket, .cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--soft)" },
    ".cm-specialChar": { color: "var(--fault)" },
    ".cm-panels": { color: "var(--soft)", backgroundColor: "var(--paper)" },
    ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
    ".note": { margin: "0", padding: ".3rem .6rem", fontSize: ".85rem", minHeight: "1.5em" },
    ".note.wrong": { color: "var(--fault)", fontWeight: "600" },
    ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--paper)", border: "1px solid var(--soft)" },
    ".cm-tooltip.cm-tooltip-autocomplete > ul": { maxHeight: "18rem", maxWidth: "min(42rem, 95vw)", font: ".9rem/1.5 ui-monospace, 'DejaVu Sans Mono', monospace" },
    ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { minHeight: "24px", padding: ".15rem .4rem", whiteSpace: "normal" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { color: "var(--on-accent)", backgroundColor: "var(--accent)" },
    ".cm-completionDetail": { color: "var(--soft)", fontFamily: "system-ui, sans-serif", fontStyle: "normal", unicodeBidi: "isolate" },
    "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  });
}
