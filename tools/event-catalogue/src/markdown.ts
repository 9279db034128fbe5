/** Stands at the top of every generated page. */
export const GENERATED_PAGE = '<!-- Generated from the contracts and the manifests of the services. Run `npm run events:generate`. -->';

/** A table; cells may hold Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const cell = (text: string) => text.replace(/\n/g, ' ').replace(/\|/g, '\\|');

/** Text from a comment: what looks like HTML is shown and not obeyed. */
export function prose(text: string): string {
  return text.replace(/`[^`]*`|</g, (found) => (found === '<' ? '&lt;' : found));
}

/** A fenced block. */
export function fence(language: string, content: string): string {
  return `\`\`\`${language}\n${content}\n\`\`\``;
}

/** The paragraphs of a page, without those that are empty. */
export function page(...paragraphs: readonly string[]): string {
  return `${paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')}\n`;
}

/** The anchor that GitHub gives a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}
