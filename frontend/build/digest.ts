// A digest of the sources of a bundle, by which a test detects a stale one.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const LEFT_OUT = new Set(["node_modules"]);

/** Every file below a folder, as sorted paths with forward slashes. */
function files(folder: string, within = ""): string[] {
  const found = readdirSync(join(folder, within), { withFileTypes: true }).flatMap((entry) => {
    const path = within ? `${within}/${entry.name}` : entry.name;
    if (LEFT_OUT.has(entry.name)) return [];
    return entry.isDirectory() ? files(folder, path) : [path];
  });
  return found.sort();
}

/** SHA-256 over path, a zero byte, content and a zero byte of every file, in the order of paths. */
export function digest(folder: string): string {
  const hash = createHash("sha256");
  for (const path of files(folder)) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(folder, path)))
      .update("\0");
  }
  return hash.digest("hex");
}
