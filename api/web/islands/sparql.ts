import { start } from "../src/sparql/page";

const form = document.querySelector<HTMLFormElement>("#query-form");
if (form) start(form);
