export { copyTemplate, isTemplate, type TemplateName, templates } from "./templates.ts";
