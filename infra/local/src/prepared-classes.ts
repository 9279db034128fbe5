import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** File with the classes of a Java program as the JVM has read and checked them (AppCDS), in the folder of its jars. */
export function classArchive(jars: string): string {
  return join(jars, 'classes.jsa');
}

/** Options with which a Java program starts from its prepared classes, in about half the processor time; none if there are none. */
export function preparedClasses(jars: string): string[] {
  const archive = classArchive(jars);
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : [];
}
