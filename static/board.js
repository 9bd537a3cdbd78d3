// A bed that got better or worse belongs elsewhere on the board: then the whole board is asked for.
import { tell } from "/static/live.js";

document.body.addEventListener("htmx:after:swap", ({ target }) => {
  const bed = target.closest?.(".bed");
  const ranks = bed?.closest("[data-ranks]")?.dataset.ranks;
  if (!ranks) return; // in bed order everybody stays where they are
  const rank = (other) => Number((other ?? bed).dataset.rank);
  const inOrder = rank(bed.previousElementSibling) <= rank(bed) && rank(bed) <= rank(bed.nextElementSibling);
  if (!ranks.includes(bed.dataset.rank) || !inOrder) tell("board");
});
