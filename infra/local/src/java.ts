import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Complaint } from './complaint';

const run = promisify(execFile);
const POM = join(__dirname, '..', 'pom.xml');
const MIN_JAVA = 17;

/** Folders of the Java programs of the stack. */
export interface Jars {
  readonly kafka: string;
  readonly registry: string;
}

/**
 * The Java programs of the stack, fetched by Maven when they are not there yet or the pom.xml has changed.
 * @param folder where they are kept between starts
 * @param fetching called before Maven is asked, because that takes a while
 * @throws Complaint if Java or Maven is missing or Maven fails
 */
export async function ensureJars(folder: string, fetching: () => void): Promise<Jars> {
  await requireJava();
  const wanted = createHash('sha256').update(readFileSync(POM)).digest('hex');
  const stamp = join(folder, 'pom.sha256');
  const jars = { kafka: join(folder, 'kafka'), registry: join(folder, 'registry') };
  const isCurrent = (): boolean => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (isCurrent()) return jars;
  fetching();
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    await run('mvn', ['-q', '-B', '-f', POM, 'generate-resources', `-Djars=${fresh}`], { maxBuffer: 16e6 });
    writeFileSync(join(fresh, 'pom.sha256'), wanted);
    // Another start may have fetched them meanwhile, and its programs run from them already.
    if (isCurrent()) return jars;
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    if (isCurrent()) return jars;
    throw mavenComplaint(error as NodeJS.ErrnoException & { stdout?: string });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return jars;
}

async function requireJava(): Promise<void> {
  const remedy = `install a Java runtime of version ${MIN_JAVA} or later and see that "java" is on the PATH.`;
  let output: string;
  try {
    const { stderr, stdout } = await run('java', ['-version']);
    output = stderr + stdout;
  } catch {
    throw new Complaint(`Java is missing, and Kafka and the schema registry need it; ${remedy}`);
  }
  const version = Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1]);
  if (!(version >= MIN_JAVA))
    throw new Complaint(`Java ${Number.isNaN(version) ? 'of an unknown version' : version} is too old for Kafka; ${remedy}`);
}

function mavenComplaint(error: NodeJS.ErrnoException & { stdout?: string }): Complaint {
  if (error.code === 'ENOENT')
    return new Complaint(
      'Maven is missing, and it fetches Kafka and the schema registry; install Maven 3.8 or later and see that "mvn" is on the PATH.',
    );
  const line = /\[ERROR\] (.*)/.exec(error.stdout ?? '')?.[1] ?? error.message.split('\n')[0];
  return new Complaint(`Maven could not fetch Kafka and the schema registry; check the network and try again (Maven says: ${line}).`);
}
