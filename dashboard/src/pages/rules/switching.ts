/** A rule is enabled or disabled as a whole: another version of it, that differs in nothing else. */

import { type RuleView, api, ask, etag, newKey } from "../../api/api";
import { switched } from "../rule/document";

/** As it is then. Throws a ProblemError where the API refuses: 412 where it is another version by now. */
export async function turn(rule: RuleView, enabled: boolean): Promise<RuleView> {
  const document = switched(rule.document, enabled);
  const path = { rule: rule.id };
  // One that a model brings along is disabled by a rule in its place.
  if (rule.default) {
    const params = { header: { "Idempotency-Key": newKey() } };
    return await ask(api.POST("/rules", { params, body: { document } }));
  }
  const header = { "If-Match": etag(rule.version) };
  // Without what only disabled it, the model's own is in force again.
  if (enabled && !("when" in document) && !("bands" in document)) {
    await ask(api.DELETE("/rules/{rule}", { params: { path, header } }));
    return await ask(api.GET("/rules/{rule}", { params: { path } }));
  }
  return await ask(api.PUT("/rules/{rule}", { params: { path, header }, body: { document } }));
}
