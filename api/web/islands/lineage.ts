// The flow of lineage: lets a point's whole ancestry and descent stand out, and shows a link without a new page.
// Without this script a link leads to the same page with the link's details opened.
import { chain, type Link } from "./lineage/chain";

const picture = document.querySelector<SVGSVGElement>(".sankey");
const panel = document.querySelector<HTMLElement>("#selected");
const told = document.querySelector<HTMLElement>("#told");

if (picture && panel && told) start(picture, panel, told);

function start(picture: SVGSVGElement, panel: HTMLElement, told: HTMLElement): void {
  const links = [...picture.querySelectorAll<SVGAElement>("a.link")];
  const boxes = [...picture.querySelectorAll<SVGAElement>("a.box")];
  const marks = [...picture.querySelectorAll<SVGTextElement>(".marks text")];
  const letters = [...picture.querySelectorAll<SVGGElement>(".letters")];
  const known: Link[] = links.map((link) => ({
    key: link.dataset["link"] ?? "",
    earlier: link.dataset["earlier"] ?? "",
    later: link.dataset["later"] ?? "",
  }));
  let opener: SVGAElement | undefined;

  const show = (of: SVGAElement): void => {
    const point = of.dataset["key"];
    const found = chain(known, point === undefined ? { link: of.dataset["link"] ?? "" } : { point });
    for (const link of [...links, ...marks]) link.classList.toggle("on", found.links.has(link.dataset["link"] ?? ""));
    for (const box of [...boxes, ...letters]) box.classList.toggle("on", found.points.has(box.dataset["key"] ?? ""));
    picture.classList.add("chain");
    say(told.dataset["path"] ?? "", {
      name: of.getAttribute("aria-label") ?? "",
      boxes: String(found.points.size),
      links: String(found.links.size),
    });
  };
  const clear = (): void => {
    if (!picture.classList.contains("chain")) return;
    picture.classList.remove("chain");
    for (const element of [...links, ...marks, ...boxes, ...letters]) element.classList.remove("on");
    say(told.dataset["off"] ?? "", {});
  };
  const say = (text: string, values: Readonly<Record<string, string>>): void => {
    told.textContent = text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  };

  const open = (link: SVGAElement): void => {
    const key = link.dataset["link"] ?? "";
    const items = [...document.querySelectorAll<HTMLElement>(".links > li")];
    const item = items.find((each) => each.dataset["link"] === key);
    const summary = item?.querySelector("summary");
    const content = item?.querySelector(".content");
    const goal = panel.querySelector(".content");
    if (!summary || !content || !goal) {
      location.assign(link.href.baseVal);
      return;
    }
    const heading = document.createElement("p");
    heading.append(...[...summary.childNodes].map((node) => node.cloneNode(true)));
    goal.replaceChildren(heading, ...[...content.childNodes].map((node) => node.cloneNode(true)));
    for (const other of links) other.classList.toggle("selected", other === link);
    panel.hidden = false;
    opener = link;
    history.replaceState(null, "", link.href.baseVal);
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  };
  const close = (): void => {
    panel.hidden = true;
    for (const link of links) link.classList.remove("selected");
    const address = new URL(location.href);
    address.searchParams.delete("link");
    address.hash = "";
    history.replaceState(null, "", address);
    say(panel.dataset["none"] ?? "", {});
    opener?.focus();
    opener = undefined;
  };

  for (const element of [...links, ...boxes]) {
    element.addEventListener("focus", () => { show(element); });
    element.addEventListener("blur", clear);
    element.addEventListener("mouseenter", () => { show(element); });
    element.addEventListener("mouseleave", () => {
      const focused = document.activeElement;
      if (focused instanceof SVGAElement && picture.contains(focused)) show(focused);
      else clear();
    });
  }
  for (const link of links) {
    link.addEventListener("click", (event) => {
      // With a key held, a reader wants a page of its own.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      open(link);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const here = document.activeElement;
    if (!panel.hidden && (panel.contains(here) || picture.contains(here))) close();
    clear();
  });
}
