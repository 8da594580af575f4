// The payload's editor: checks against the schema while one types, and fills in the
// example of another type as soon as it is chosen.
export default function editor(form) {
  const payload = form.elements.payload;
  const type = form.elements.event_type;
  const place = form.querySelector('[data-problems]');
  const example = form.querySelector('[data-example]');
  let untouched = payload.value;
  let waiting;
  let asked = 0;

  const line = (name, nodes) => {
    const p = document.createElement('p');
    p.className = name;
    p.append(...nodes);
    return p;
  };

  const check = async () => {
    const turn = ++asked;
    let found;
    try {
      const answer = await fetch(form.dataset.editor, { method: 'POST', body: new URLSearchParams({ event_type: type.value, payload: payload.value }) });
      if (!answer.ok) return;
      found = await answer.json();
    } catch { return; }
    if (turn !== asked) return;
    const lines = found.problems.slice(0, 10).map(({ pointer, message }) => {
      const code = document.createElement('code');
      code.textContent = pointer;
      return line('problem', pointer ? [code, ' ', message] : [message]);
    });
    if (!lines.length) lines.push(line('fine', [found.checked ? 'The payload matches the schema of its type.' : 'This is JSON. The type has no schema to check it by.']));
    place.replaceChildren(...lines);
    payload.setAttribute('aria-invalid', String(found.problems.length > 0));
  };

  payload.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 300);
  });
  type.addEventListener('change', () => {
    if (payload.value === untouched) form.requestSubmit(example);
    else check();
  });
}
