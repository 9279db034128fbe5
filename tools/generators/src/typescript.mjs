// Changes of TypeScript files, at the places that TypeScript's own parser gives. Prettier sees to the rest.
import ts from 'typescript';

/** A file of the tree whose text is changed piece by piece; each piece is written at once. */
export class SourceFile {
  #tree;
  #path;

  /** @throws Error if it is not there */
  constructor(tree, path) {
    if (!tree.exists(path)) throw new Error(`${path} is missing; every service has one.`);
    this.#tree = tree;
    this.#path = path;
  }

  get #source() {
    return ts.createSourceFile(this.#path, this.#tree.read(this.#path, 'utf8'), ts.ScriptTarget.Latest, true);
  }

  /** Imports a name, unless that is done. Packages come before files, each by name. */
  import(name, from) {
    const source = this.#source;
    const imports = source.statements.filter(ts.isImportDeclaration);
    const existing = imports.find(({ moduleSpecifier, importClause }) => moduleSpecifier.text === from && !importClause?.isTypeOnly);
    const named = existing?.importClause?.namedBindings;
    if (named && ts.isNamedImports(named)) {
      if (named.elements.some((element) => element.name.text === name)) return this;
      const next = named.elements.find((element) => compare(element.name.text, name) > 0);
      return next ? this.#insert(next.getStart(), `${name}, `) : this.#insert(named.elements.at(-1).end, `, ${name}`);
    }
    const statement = `import { ${name} } from '${from}';`;
    const next = imports.find(({ moduleSpecifier }) => compare(rank(moduleSpecifier.text), rank(from)) > 0);
    return next ? this.#insert(next.getStart(), `${statement}\n`) : this.#insert(imports.at(-1)?.end ?? 0, `\n${statement}`);
  }

  /**
   * Adds an element at the end of an array, such as `reactions: […]`. Where an object has no such array, it gets one.
   * @param {{within?: string}} [place] the property in whose object the array is
   * @throws Error if the file has neither
   */
  addToArray(property, element, { within } = {}) {
    const around = within && this.#find((node) => ts.isPropertyAssignment(node) && node.name.text === within);
    const found = this.#find((node) => ts.isPropertyAssignment(node) && node.name.text === property, around);
    if (found && ts.isArrayLiteralExpression(found.initializer))
      return this.#addToList(found.initializer, found.initializer.elements, element);
    const object = this.#find((node) => ts.isObjectLiteralExpression(node));
    if (found || !object) throw new Error(`${this.#path} has no array \`${property}\` to add ${element} to; write it there.`);
    return this.#addToList(object, object.properties, `${property}: [${element}]`);
  }

  /** The names in an array, such as `reactions: […]`; none if there is no such array. */
  elementsOf(property) {
    const found = this.#find((node) => ts.isPropertyAssignment(node) && node.name.text === property);
    return found && ts.isArrayLiteralExpression(found.initializer) ? found.initializer.elements.map((element) => element.getText()) : [];
  }

  /**
   * Adds a property to the object that a variable holds.
   * @param {{before?: string}} [place] the property before which it comes; otherwise it is the last one
   * @throws Error if there is no such object
   */
  addProperty(variable, property, { before } = {}) {
    const object = this.#objectOf(variable);
    const next = object.properties.find(({ name }) => name?.text === before);
    return next ? this.#insert(next.getStart(), `${property}, `) : this.#addToList(object, object.properties, property);
  }

  /** The names and the texts of the properties that a variable's object has. */
  propertiesOf(variable) {
    return new Map(
      this.#objectOf(variable)
        .properties.filter(ts.isPropertyAssignment)
        .map(({ name, initializer }) => [name.text, initializer.getText()]),
    );
  }

  /**
   * Adds a property to what a schema is extended with: `messagingSettings(3001).extend({ … })`, which is written if it is not there.
   * @param {{last?: boolean}} [place] whether it comes after the others
   * @throws Error if the function is not called
   */
  extend(schema, property, { last = false } = {}) {
    const call = this.#find((node) => ts.isCallExpression(node) && node.expression.getText() === schema);
    if (!call) throw new Error(`${this.#path} does not call ${schema}(…); add ${property} to its settings.`);
    const extended = ts.isPropertyAccessExpression(call.parent) && call.parent.name.text === 'extend' && call.parent.parent;
    if (!extended) return this.#insert(call.end, `.extend({ ${property} })`);
    const [object] = extended.arguments;
    return this.#addToList(object, object.properties, property, { first: !last });
  }

  /** The classes that the file declares, with the names of their methods. */
  get classes() {
    return this.#source.statements.filter(ts.isClassDeclaration).map(({ name, members }) => ({
      name: name.text,
      methods: members.filter(ts.isMethodDeclaration).map((method) => method.name.getText()),
    }));
  }

  /** The names that the file lets out. */
  get exported() {
    return this.#source.statements
      .filter((statement) => statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
      .flatMap((statement) => (ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement]))
      .map(({ name }) => name?.text);
  }

  #objectOf(variable) {
    const declared = this.#find((node) => ts.isVariableDeclaration(node) && node.name.getText() === variable);
    let value = declared?.initializer;
    while (value && (ts.isAsExpression(value) || ts.isSatisfiesExpression(value))) value = value.expression;
    if (!value || !ts.isObjectLiteralExpression(value)) throw new Error(`${this.#path} has no object \`${variable}\`.`);
    return value;
  }

  #addToList(list, elements, text, { first = false } = {}) {
    if (elements.length === 0) return this.#insert(list.getStart() + 1, text);
    return first ? this.#insert(elements[0].getStart(), `${text}, `) : this.#insert(elements.at(-1).end, `,\n${text}`);
  }

  #find(matches, within) {
    const visit = (node) => (matches(node) ? node : ts.forEachChild(node, visit));
    return visit(within ?? this.#source);
  }

  #insert(place, text) {
    const before = this.#tree.read(this.#path, 'utf8');
    this.#tree.write(this.#path, before.slice(0, place) + text + before.slice(place));
    return this;
  }
}

const rank = (from) => (from.startsWith('.') ? `~${from}` : from);
const compare = (a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : a === b ? 0 : 1);
