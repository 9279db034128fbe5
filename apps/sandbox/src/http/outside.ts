/** Why nobody needs a token of ours here. */
export const OUTSIDE = 'The sandbox stands for other companies, which do not know our tokens; it runs beside a development stack only.';
