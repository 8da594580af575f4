// What every page has: theme, shortcuts, times that stay right, buttons that copy, forms
// that answer in place. Nothing here is needed: without it, pages are the same.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function announce(text) {
  const place = $('[data-announce]');
  place.textContent = '';
  requestAnimationFrame(() => { place.textContent = text; });
}

const store = {
  get(key) { try { return localStorage.getItem('webhooks.' + key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem('webhooks.' + key, value); } catch { /* it is forgotten */ } },
};

// Theme: the system's, then light, then dark.
function theme() {
  const button = $('[data-theme-switch]');
  const order = ['system', 'light', 'dark'];
  const label = () => {
    const now = document.documentElement.dataset.theme || 'system';
    button.setAttribute('aria-label', `Theme: ${now}. Change it`);
    button.title = `Theme: ${now}`;
    return now;
  };
  button.hidden = false;
  label();
  button.addEventListener('click', () => {
    const next = order[(order.indexOf(label()) + 1) % order.length];
    if (next === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    store.set('theme', next);
    announce(`Theme: ${label()}`);
  });
}

function copying(root) {
  for (const button of $$('[data-copy], [data-copy-link]', root)) {
    const { copy, copyLink } = button.dataset;
    const text = copy ?? new URL(copyLink, location.href).href;
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        announce('It could not be copied. Select it and copy it by hand.');
        return;
      }
      announce('Copied');
      const before = [...button.childNodes];
      button.replaceChildren('✓');
      setTimeout(() => button.replaceChildren(...before), 1500);
    });
  }
}

const units = [[172800, 86400, 'day'], [5400, 3600, 'hour'], [90, 60, 'minute'], [10, 1, 'second']];

function ago(then) {
  let seconds = (Date.now() - then) / 1000;
  const ahead = seconds < 0;
  seconds = Math.abs(seconds);
  for (const [from, unit, name] of units) {
    if (seconds < from) continue;
    const n = Math.round(seconds / unit);
    const text = `${n} ${name}${n === 1 ? '' : 's'}`;
    return ahead ? `in ${text}` : `${text} ago`;
  }
  return ahead ? 'in a moment' : 'just now';
}

function times() {
  for (const t of $$('time[data-ago]')) {
    const text = ago(Date.parse(t.dateTime));
    if (t.textContent !== text) t.textContent = text;
  }
}

// Forms with data-swap answer in place: the part of the page with that id is exchanged for
// that of the answer.
function swapping(root) {
  for (const form of $$('form[data-swap]', root)) {
    let turns = 0;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const turn = ++turns;
      const id = form.dataset.swap;
      const { name, value } = event.submitter ?? {};
      const body = new URLSearchParams(new FormData(form));
      if (name) body.append(name, value); // FormData leaves it out if it is disabled by the last turn
      const place = document.getElementById(id);
      place.setAttribute('aria-busy', 'true');
      for (const b of $$('button', form)) b.disabled = true;
      try {
        const answer = await fetch(form.action, { method: 'POST', body });
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const fresh = page.getElementById(id);
        if (turn !== turns) return; // it was sent again meanwhile
        if (!fresh) throw new Error('the answer has no such part');
        place.replaceWith(document.adoptNode(fresh));
        enhance(fresh);
        const result = $('[role=status], [role=alert]', fresh);
        if (result) announce(result.textContent.trim());
        $$('button', fresh).find((b) => b.name === name && b.value === value)?.focus();
      } catch {
        if (turn !== turns) return;
        const act = Object.assign(document.createElement('input'), { type: 'hidden', name, value });
        if (name) form.append(act);
        form.submit();
      }
    });
  }
}

// Parts with data-poll are fetched again every two seconds until they no longer ask for it.
function polling(root) {
  for (const part of $$('[data-poll]', root)) {
    setTimeout(async () => {
      try {
        const answer = await fetch(location.href);
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const fresh = page.getElementById(part.id);
        if (answer.ok && fresh) {
          part.replaceWith(document.adoptNode(fresh));
          enhance(fresh);
          if (!fresh.matches('[data-poll]')) announce(fresh.textContent.trim());
          else polling({ querySelectorAll: () => [fresh] });
        }
      } catch { /* the page stays as it is, and can be loaded again */ }
    }, 2000);
  }
}

function shortcuts() {
  const dialog = $('#shortcuts');
  const button = $('[data-shortcuts]');
  const on = $('[data-shortcuts-on]');
  let went = 0;
  button.hidden = false;
  button.addEventListener('click', () => dialog.showModal());
  on.checked = store.get('shortcuts') !== 'off';
  on.addEventListener('change', () => store.set('shortcuts', on.checked ? 'on' : 'off'));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog')) return;
    if (!on.checked) return;
    const key = event.key;
    if (Date.now() - went < 1500 && key.length === 1) {
      went = 0;
      const link = $(`[data-go="${CSS.escape(key)}"]`);
      if (link) link.click();
      return;
    }
    switch (key) {
      case '?': dialog.showModal(); break;
      case 'g': went = Date.now(); return;
      case 'c': if (document.body.dataset.create) location.href = document.body.dataset.create; break;
      case '/': $('[data-search], [data-find]')?.focus(); break;
      case 'j': case 'k': step(key === 'j' ? 1 : -1); break;
      default: return;
    }
    event.preventDefault();
  });
}

// step moves the focus to the next link of a list.
function step(by) {
  const links = $$('[data-entry]').map((entry) => $('a', entry)).filter(Boolean);
  const now = links.findIndex((link) => link.closest('[data-entry]').contains(document.activeElement));
  links[Math.min(Math.max(now + by, 0), links.length - 1)]?.focus();
}

function selecting(root) {
  for (const all of $$('[data-all]', root)) {
    const form = all.closest('form');
    const boxes = () => $$('input[name=delivery]', form);
    const tell = () => {
      const n = boxes().filter((b) => b.checked).length;
      all.checked = n > 0 && n === boxes().length;
      all.indeterminate = n > 0 && !all.checked;
      for (const place of $$('[data-selected]', form)) place.textContent = n ? `${n} selected` : '';
    };
    all.hidden = false;
    all.addEventListener('change', () => { for (const b of boxes()) b.checked = all.checked; tell(); });
    form.addEventListener('change', tell);
    tell();
  }
}

function enhance(root) {
  copying(root);
  swapping(root);
  selecting(root);
  for (const name of ['selector', 'editor', 'livelog', 'portal']) {
    const parts = $$(`[data-${name}]`, root);
    if (parts.length) import(`./${name}.js`).then((module) => parts.forEach(module.default));
  }
}

theme();
$('.side [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
shortcuts();
enhance(document);
polling(document);
setInterval(times, 10000);
$('[data-focus]')?.focus();

// What was done is said once, and a secret is not shown again by loading the page again.
const address = new URL(location.href);
if (address.searchParams.has('done')) {
  address.searchParams.delete('done');
  history.replaceState(null, '', address);
}
const shown = $('[data-shown]');
if (shown) history.replaceState(null, '', shown.dataset.shown);
