// Returns what is wrong with a page for people who read, hear or use it by keyboard.
(() => {
  const found = [];
  const where = (el) => {
    let name = el.tagName.toLowerCase();
    if (el.id) name += '#' + el.id;
    if (el.className && typeof el.className === 'string') name += '.' + el.className.trim().replace(/\s+/g, '.');
    return `${name} "${(el.textContent || '').trim().slice(0, 40)}"`;
  };
  const visible = (el) => el.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && el.getClientRects().length > 0;

  // Colours, as the browser computes them.
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = '#000';
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const background = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    let color = getComputedStyle(document.documentElement).colorScheme === 'dark' ? [18, 18, 18] : [255, 255, 255];
    for (const layer of layers.reverse()) if (layer[3] > 0) color = over(layer, color);
    return color;
  };
  const luminance = (c) => {
    const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const el = node.parentElement;
    if (!node.textContent.trim() || seen.has(el) || !visible(el) || el.closest('.hidden, .announce, .skip, option, svg')) continue;
    seen.add(el);
    const style = getComputedStyle(el);
    const back = background(el);
    const ratio = contrast(over(rgba(style.color), back), back);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)} of ${where(el)}`);
  }

  const name = (el) => {
    const by = (el.getAttribute('aria-labelledby') || '').split(/\s+/).map((id) => document.getElementById(id)?.textContent || '').join(' ').trim();
    return by || el.getAttribute('aria-label') || [...(el.labels || [])].map((l) => l.textContent).join(' ').trim() || el.textContent.trim() || el.title;
  };
  for (const el of document.querySelectorAll('a[href], button, summary, [role=img], [role=region], dialog')) if (!name(el) && (visible(el) || el.tagName === 'DIALOG')) found.push(`no name: ${where(el)}`);
  for (const el of document.querySelectorAll('input:not([type=hidden]), select, textarea, progress')) {
    if (!el.labels?.length && !el.getAttribute('aria-label')) found.push(`no label: ${where(el)} ${el.name}`);
    for (const id of (el.getAttribute('aria-describedby') || '').split(/\s+/)) if (id && !document.getElementById(id)) found.push(`describes nothing: ${id}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((el) => el.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`id twice: ${id}`);
  let level = 0;
  for (const h of document.querySelectorAll('main h1, main h2, main h3, main h4')) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) found.push(`heading skips a level: ${where(h)}`);
    level = n;
  }
  if (document.querySelectorAll('h1').length !== 1) found.push(`there are ${document.querySelectorAll('h1').length} h1`);
  if (!document.documentElement.lang) found.push('no language');
  if (!document.querySelector('main')) found.push('no main');
  for (const list of document.querySelectorAll('ul, ol')) for (const child of list.children) if (child.tagName !== 'LI') found.push(`not an entry: ${where(child)}`);
  for (const el of document.querySelectorAll('.status')) if (!el.querySelector('svg') || !el.textContent.trim()) found.push(`status by colour alone: ${where(el)}`);
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`);
  for (const el of document.querySelectorAll('a[href], button, select, input:not([type=hidden])')) {
    const box = el.getBoundingClientRect();
    if (visible(el) && box.width && box.height < 24 && !el.closest('p, li, dd, td, h1, h2, h3, label, .row, .chips, .hint, span') && el.type !== 'checkbox') found.push(`too small to hit: ${where(el)} ${box.height}px`);
  }
  return found;
})()
