// The front page of the layers: the store of read-only trees, and the base layers that every function runs on.

export { type BaseLayers, createBaseLayers } from "./base.ts";
export { type HeldLayer, type Layer, type LayerStore, type LayerStoreOptions, openLayerStore } from "./store.ts";
