/** What went wrong, as a person is told it: what happened, what to do, and the id to ask about. */

import { ProblemError } from "@fieldline/client";

import { texts as t } from "../texts";

export interface Failure {
  readonly title: string;
  readonly detail: string;
  /** What whoever reads it can do. */
  readonly advice: string;
  readonly requestId: string | null;
  /** HTTP's; 0 where no answer came. */
  readonly status: number;
  /** Field of a form → what is wrong with it. */
  readonly fields: Readonly<Record<string, string>>;
}

interface FieldProblem {
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

function advice(status: number, retryAfter?: number): string {
  if (status === 0) return t.errors.network;
  if (status === 401) return t.errors.signInAgain;
  if (status === 403) return t.errors.forbidden;
  if (status === 404) return t.errors.notFound;
  if (status === 409 || status === 412) return t.errors.changedMeanwhile;
  if (status === 429) return t.errors.tooMany(retryAfter);
  if (status === 503) return t.errors.unavailable;
  return status >= 500 ? t.errors.report : t.errors.mend;
}

function asFields(problem: ProblemError["problem"]): Record<string, string> {
  const several = (problem.problems ?? []) as readonly FieldProblem[];
  const one = problem.field ? [{ field: problem.field, expected: problem.expected ?? "", got: problem.got ?? "" }] : [];
  return Object.fromEntries(
    [...one, ...several].map(({ field, expected, got }) => [field, t.errors.expected(expected, got)]),
  );
}

/** Of anything that was thrown. */
export function failure(error: unknown): Failure {
  if (error instanceof ProblemError) {
    const { problem, status } = error;
    return {
      title: problem.title,
      detail: problem.detail,
      advice: advice(status, error.retryAfter),
      requestId: problem.request_id,
      status,
      fields: asFields(problem),
    };
  }
  const unreached = error instanceof TypeError || (error instanceof DOMException && error.name !== "AbortError");
  return {
    title: unreached ? t.errors.unreachable : t.errors.unexpected,
    detail: error instanceof Error ? error.message : String(error),
    advice: unreached ? t.errors.network : t.errors.report,
    requestId: null,
    status: 0,
    fields: {},
  };
}
