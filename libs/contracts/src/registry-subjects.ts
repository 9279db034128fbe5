import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Topic } from './catalogue';

const ROOT = join(__dirname, '..');
const FOLDERS = ['proto', 'vendor'];
const IMPORT = /^import\s+(?:public\s+)?"([^"]+)";/gm;

/** A .proto file as the schema registry wants it: under a subject, with the subjects of the files it imports. */
export interface RegistrySubject {
  readonly subject: string;
  readonly schema: string;
  /** Subjects that must be registered first; each is named after the imported file. */
  readonly imports: readonly string[];
}

/** The subject of a topic's values, by Confluent's topic name strategy. */
export function subjectOf(topic: Topic): string {
  return `${topic.name}-value`;
}

/** Every subject the given topics need, imported files before the files that import them. */
export function registrySubjects(topics: readonly Topic[]): RegistrySubject[] {
  const subjects = new Map<string, RegistrySubject>();
  const add = (file: string, subject: string): void => {
    if (subjects.has(subject)) return;
    const schema = read(file);
    const imports = [...schema.matchAll(IMPORT)].map((match) => match[1]!).filter((name) => !name.startsWith('google/protobuf/'));
    for (const name of imports) add(name, name);
    subjects.set(subject, { subject, schema, imports });
  };
  for (const topic of topics) add(topic.proto, subjectOf(topic));
  return [...subjects.values()];
}

function read(file: string): string {
  for (const folder of FOLDERS) {
    try {
      return readFileSync(join(ROOT, folder, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${file} is imported by a contract but is in none of ${FOLDERS.join(', ')}.`);
}
