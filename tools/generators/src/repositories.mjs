// The repositories of a service: what it keeps, and by what it finds it.
import { kebab } from './names.mjs';
import { SourceFile } from './typescript.mjs';

/**
 * The repositories of a service that change what they keep.
 * @returns {{type: string, file: string, aggregate: string, methods: string[]}[]}
 */
export function repositoriesOf(tree, service) {
  const folder = `apps/${service}/src/storage`;
  const files = tree.children(folder).filter((file) => file.endsWith('.repository.ts'));
  return files.flatMap((file) =>
    new SourceFile(tree, `${folder}/${file}`).classes
      .filter(({ methods }) => methods.includes('change'))
      .map(({ name, methods }) => ({
        type: name,
        file: file.replace(/\.ts$/, ''),
        aggregate: kebab(name.replace(/Repository$/, '')),
        methods,
      })),
  );
}
