import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Complaint } from './complaint';
import { Kafka } from './kafka';
import { freePort } from './ports';
import { classArchive } from './prepared-classes';
import { Registry } from './registry';

const run = promisify(execFile);
const POM = join(__dirname, '..', 'pom.xml');
const MIN_JAVA = 17;
// Writing the archive takes some seconds more than stopping does.
const ARCHIVED_WITHIN_MS = 60_000;

/** Folders of the Java programs of the stack. */
export interface Jars {
  readonly kafka: string;
  readonly registry: string;
}

/**
 * The Java programs of the stack, fetched by Maven when they are not there yet or the pom.xml has changed, with their classes prepared for this Java.
 * @param folder where they are kept between starts
 * @param fetching called before Maven is asked, because that takes a while
 * @throws Complaint if Java or Maven is missing or Maven fails
 */
export async function ensureJars(folder: string, fetching: () => void): Promise<Jars> {
  const java = await requireJava();
  const jars = await fetchedJars(folder, fetching);
  await prepareClasses(folder, jars, java);
  return jars;
}

async function fetchedJars(folder: string, fetching: () => void): Promise<Jars> {
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

/**
 * Starts each program once and stops it, for the JVM to write down the classes that it has read and checked: every start after that takes about half
 * the processor time. Another Java needs it done again. Without it the programs start all the same, so nothing here is a reason to fail.
 */
async function prepareClasses(folder: string, jars: Jars, java: string): Promise<void> {
  const stamp = join(folder, 'classes-of-java.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === java) return;
  const fresh = `${folder}.classes.${process.pid}`;
  const options = async (name: keyof Jars) => ({
    jars: jars[name],
    dataDir: join(fresh, name),
    logFile: join(fresh, `${name}.log`),
    port: await freePort(),
    javaOptions: [`-XX:ArchiveClassesAtExit=${join(fresh, `${name}.jsa`)}`],
  });
  const prepare = async (name: keyof Jars, program: Kafka | Registry) => {
    await program.start();
    const stopped = await program.child!.stop(ARCHIVED_WITHIN_MS);
    if (stopped) renameSync(join(fresh, `${name}.jsa`), classArchive(jars[name]));
  };
  try {
    await Promise.allSettled([
      prepare('kafka', new Kafka(await options('kafka'))),
      prepare('registry', new Registry(await options('registry'))),
    ]);
    writeFileSync(stamp, java);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** @returns what Java says of its version */
async function requireJava(): Promise<string> {
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
  // What is picked up from the environment is not of the version.
  return output.replaceAll(/^Picked up .*\n/gm, '');
}

function mavenComplaint(error: NodeJS.ErrnoException & { stdout?: string }): Complaint {
  if (error.code === 'ENOENT')
    return new Complaint(
      'Maven is missing, and it fetches Kafka and the schema registry; install Maven 3.8 or later and see that "mvn" is on the PATH.',
    );
  const line = /\[ERROR\] (.*)/.exec(error.stdout ?? '')?.[1] ?? error.message.split('\n')[0];
  return new Complaint(`Maven could not fetch Kafka and the schema registry; check the network and try again (Maven says: ${line}).`);
}
