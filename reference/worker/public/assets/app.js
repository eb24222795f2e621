// The page over the API: log in, upload, list. The token lives as long as the page.

const status = document.querySelector('#status');
const files = document.querySelector('#files');
const list = document.querySelector('#list');
let token = null;

async function call(path, { method = 'GET', json, form } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (json) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, { method, headers, body: json ? JSON.stringify(json) : form });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

async function showFiles() {
  const { files: entries, total } = await call('/api/files');
  list.replaceChildren(...entries.map((entry) => {
    const item = document.createElement('li');
    item.textContent = `${entry.filename} (${entry.file_size} bytes, ${entry.upload_status})`;
    return item;
  }));
  status.textContent = `${total} files`;
}

function onSubmit(form, run) {
  document.querySelector(form).addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await run(new FormData(event.target));
      await showFiles();
    } catch (error) {
      status.textContent = error.message;
    }
  });
}

onSubmit('#login', async (data) => {
  const session = await call('/api/accounts/login', { method: 'POST', json: Object.fromEntries(data) });
  token = session.access_token;
  files.hidden = false;
});

onSubmit('#upload', (form) => call('/api/files/upload', { method: 'POST', form }));
