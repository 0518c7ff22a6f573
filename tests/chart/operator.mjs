// Checks objects of the Prometheus Operator, read as JSON from stdin, against the operator's schemas.
// These let unknown fields pass, but they look at every field that they know: one that was not looked at is
// unknown. Prints a line for each fault.
import { readFileSync } from "node:fs";

const schemas = "../../.tools/chart/node_modules/@kubernetes-models/prometheus-operator/_schemas";
const group = "ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1";

const seen = new Map();
function watched(value) {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      if (!seen.has(target)) seen.set(target, new Set());
      seen.get(target).add(key);
      return watched(target[key]);
    },
  });
}

function unknown(value, path) {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    return seen.get(value)?.has(key) ? unknown(inner, at) : [`${at}: unknown field`];
  });
}

for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const name = `${object.kind} ${object.metadata.name}`;
  const { validate } = await import(`${schemas}/${group}${object.kind}.js`);
  if (validate(watched(object))) {
    for (const fault of unknown(object, name)) console.log(fault);
  } else {
    for (const { instancePath, keyword, params } of validate.errors) {
      console.log(`${name}${instancePath}: ${keyword}: ${JSON.stringify(params)}`);
    }
  }
}
