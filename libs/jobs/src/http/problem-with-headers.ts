import { Problem } from '@past-tense/service';

/** A problem that the client is told together with headers. Whatever turns a problem into an answer sends its `headers`, too. */
export function problemWithHeaders(problem: Problem, headers: Readonly<Record<string, string>>): Problem {
  return Object.assign(problem, { headers });
}
