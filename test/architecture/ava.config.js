// How check.ts runs the architecture tests: apart from the others, which `npm test` runs after the gate.

// biome-ignore lint/style/noDefaultExport: that is how AVA reads its configuration
export default {
  extensions: ["ts"],
  files: ["test/architecture/*.test.ts"],
  workerThreads: false,
};
