// Random walks that are told by their seed.

/** Gives a function: a number below n, the same row of numbers for the same seed (xorshift). */
export function numbersOf(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state % n;
  };
}
