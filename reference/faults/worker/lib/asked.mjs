// The operation of a request, by method and path as in the application's router.

const ACCOUNTS = '/api/accounts';
const FILE = String.raw`/api/files/(?<id>[^/]+)`;
const FILTER = '/api/filters/[^/]+';

const OPERATIONS = {
  register: ['POST', `${ACCOUNTS}/register`],
  login: ['POST', `${ACCOUNTS}/login`],
  refresh: ['POST', `${ACCOUNTS}/token/refresh`],
  user: ['GET', `${ACCOUNTS}/user`],
  logout: ['POST', `${ACCOUNTS}/logout`],
  list_files: ['GET', '/api/files'],
  upload: ['POST', '/api/files/upload'],
  file: ['GET', FILE],
  delete: ['DELETE', FILE],
  download: ['GET', `${FILE}/download`],
  tags: ['PATCH', `${FILE}/tags`],
  columns: ['GET', `${FILE}/columns`],
  export: ['POST', `${FILE}/export`],
  delete_account: ['DELETE', `${ACCOUNTS}/user`],
  list_filters: ['GET', '/api/filters'],
  create_filter: ['POST', '/api/filters'],
  filter: ['GET', FILTER],
  delete_filter: ['DELETE', FILTER],
};

const PATHS = Object.entries(OPERATIONS).map(([name, [method, path]]) => ({
  name,
  method,
  pattern: new RegExp(`^${path}$`),
}));

/**
 * @param {{request: Request, url: URL}} call
 * @param {...string} names
 * @returns {boolean} true if it is one of these operations
 */
export function asks({ request, url }, ...names) {
  const found = PATHS.find(({ method, pattern }) => method === request.method && pattern.test(url.pathname));
  return found !== undefined && names.includes(found.name);
}

/** @param {URL} url @returns {string | null} the file id in the path of an operation on one file */
export function fileIdOf(url) {
  return new RegExp(`^${FILE}(?:/|$)`).exec(url.pathname)?.groups.id ?? null;
}
