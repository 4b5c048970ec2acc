// Styles travel in the script, and Svelte leaves no mark on the window.
export default { compilerOptions: { runes: true, css: "injected", discloseVersion: false } };
