// EventSelector: searches while one types, and counts what is chosen.
export default function selector(root) {
  const find = root.querySelector('[data-find]');
  if (!find) return;
  const groups = [...root.querySelectorAll('[data-group]')];
  const nothing = root.querySelector('[data-nothing]');
  root.querySelector('[data-nojs]').hidden = true;

  const search = () => {
    const wanted = find.value.trim().toLowerCase();
    let any = false;
    for (const group of groups) {
      const name = group.querySelector('summary').textContent.toLowerCase();
      let shown = 0;
      for (const entry of group.querySelectorAll('li')) {
        const match = !wanted || name.includes(wanted) || entry.dataset.text.toLowerCase().includes(wanted);
        entry.hidden = !match;
        if (match) shown++;
      }
      group.hidden = shown === 0;
      if (wanted) group.open = shown > 0;
      any ||= shown > 0;
    }
    nothing.hidden = any;
  };

  const tell = () => {
    let all = 0;
    for (const group of groups) {
      const n = group.querySelectorAll('input:checked').length;
      const place = group.querySelector('[data-count]');
      place.hidden = n === 0;
      place.textContent = `${n} chosen`;
      all += n;
    }
    const every = root.querySelector('[data-every]').checked;
    root.querySelector('[data-chosen]').textContent = every ? 'Every event' : `${all} chosen`;
  };

  find.addEventListener('input', search);
  find.addEventListener('keydown', (event) => { if (event.key === 'Enter') event.preventDefault(); });
  root.addEventListener('change', tell);
  tell();
  if (find.value) search();
}
