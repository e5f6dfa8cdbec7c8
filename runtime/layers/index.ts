// The front page of the layers: the store of read-only trees, and the base layers that every function runs on.

export { type BaseLayerOptions, ensureBaseLayers } from "./base.ts";
export { type HeldLayer, type Layer, type LayerStore, type LayerStoreOptions, openLayerStore } from "./store.ts";
