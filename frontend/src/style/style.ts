// Styles that several parts share; each part brings its own.
import css from "./explore.css?inline";

export function addStyle(): void {
  const element = document.createElement("style");
  element.textContent = css;
  document.head.append(element);
}
