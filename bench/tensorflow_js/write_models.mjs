// Writes networks of the package nsfwjs as files of TensorFlow.js, and what TensorFlow.js computes.
//
//     node write_models.mjs FOLDER NAME...
//
// FOLDER has `node_modules` and, for each network, `NAME/images.json`: rows and columns, and the
// values of each image. It gets `NAME/networks/web/`, and `NAME/probabilities.json`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, ...names] = process.argv.slice(2);
const packages = join(resolve(folder), "node_modules");
const require = createRequire(join(packages, "here.js"));
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

// Without this, plain JavaScript computes: minutes for an image.
wasm.setWasmPaths(join(packages, "@tensorflow/tfjs-backend-wasm/dist/"));
await tf.setBackend("wasm");

for (const name of names) {
  // Model and weights are inside of scripts, the weights in base64.
  const held = require(join(packages, "nsfwjs/dist/cjs/model_imports", `${name}.js`));
  const model = (await held.modelJson()).default;
  const bundles = await Promise.all(held.weightBundles.map((bundle) => bundle()));
  const parts = bundles.map((bundle) => Buffer.from(bundle.default, "base64"));
  const manifest = model.weightsManifest;
  const paths = manifest.flatMap((group) => group.paths);
  if (paths.length !== parts.length) {
    throw new Error(`${name}: ${paths.length} files of weights named, ${parts.length} found`);
  }
  const web = join(folder, name, "networks", "web");
  mkdirSync(web, { recursive: true });
  writeFileSync(join(web, "model.json"), JSON.stringify(model));
  paths.forEach((path, i) => writeFileSync(join(web, path), parts[i]));

  const whole = Buffer.concat(parts);
  const given = {
    modelTopology: model.modelTopology,
    format: model.format,
    weightSpecs: manifest.flatMap((group) => group.weights),
    weightData: whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length),
  };
  const layers = "model_config" in model.modelTopology;
  const load = layers ? tf.loadLayersModel : tf.loadGraphModel;
  const network = await load(tf.io.fromMemory(given));
  const { size, images } = JSON.parse(readFileSync(join(folder, name, "images.json"), "utf8"));
  const found = images.map((image) =>
    Array.from(network.predict(tf.tensor(image, [1, size, size, 3])).dataSync()),
  );
  const said = { version: tf.version.tfjs, kind: layers ? "layers model" : "graph model", found };
  writeFileSync(join(folder, name, "probabilities.json"), JSON.stringify(said));
}
