export { openSecretStore, type SecretDescription, type SecretStore, secretLimits } from "./secret-store.ts";
