// The live log: says that something has happened, and has the list made anew by the server.
export default function livelog(part) {
  const badge = part.querySelector('[data-live]');
  const source = new EventSource(part.dataset.livelog);
  let waiting = 0;
  let busy = false;

  const renew = async () => {
    waiting = 0;
    if (part.contains(document.activeElement) && document.activeElement.matches('a, input')) { // do not take away what somebody is at
      waiting = setTimeout(renew, 2000);
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href);
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('log');
      if (answer.ok && fresh) document.getElementById('log').replaceWith(document.adoptNode(fresh));
    } catch { /* the next event tries again */ }
    busy = false;
  };

  const show = (live) => {
    badge.hidden = false;
    badge.querySelector('[data-on]').hidden = !live;
    badge.querySelector('[data-off]').hidden = live;
  };

  source.addEventListener('open', () => show(true));
  source.addEventListener('error', () => show(false));
  for (const kind of ['delivery', 'skipped']) {
    source.addEventListener(kind, () => { if (!waiting && !busy) waiting = setTimeout(renew, 500); });
  }
  addEventListener('pagehide', () => source.close());
}
