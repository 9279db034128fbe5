#!/usr/bin/env node
// Prints as JSON what a generator would write, and writes nothing: would-write.mjs <request as JSON>
import { FsTree } from 'nx/src/generators/tree.js';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { generator, options } = JSON.parse(process.argv[2]);
const { default: generate } = await import(`../src/${generator}/generator.mjs`);
const tree = new FsTree(join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..'), false);
await generate(tree, options);
process.stdout.write(JSON.stringify(tree.listChanges().map(({ path, content }) => ({ path, content: content.toString() }))));
