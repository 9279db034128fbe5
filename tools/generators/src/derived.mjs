// What follows from the contracts and the manifests: code, catalogue, alerts, dashboards.
import { spawnSync } from 'node:child_process';

/**
 * What is done when the files are written, which is not in a dry run.
 * @param {string} root folder of the repository
 * @param {string} next what is left to do, in a sentence
 * @returns {() => void} throws Error if it fails
 */
export const bringUpToDate = (root, next) => () => {
  console.log('\nnpm run generate brings code, catalogue, alerts and dashboards up to date …');
  const { status } = spawnSync('npm', ['run', '--silent', 'generate'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    throw new Error('npm run generate failed, and the lines above say why. The files are written: mend what it names and run it again.');
  console.log(next);
};
