#!/usr/bin/env node
// Runs a generator on a checkout and writes, without bringing derived files up to date: generate-into.mjs <root> <request as JSON>
import { flushChanges, FsTree } from 'nx/src/generators/tree.js';

const [root, request] = process.argv.slice(2);
const { generator, options } = JSON.parse(request);
const { default: generate } = await import(`../src/${generator}/generator.mjs`);
const tree = new FsTree(root, false);
await generate(tree, options);
flushChanges(root, tree.listChanges());
