// What an import `with { type: 'file' }` yields: the path of the file, inside the binary when compiled.
declare module '*.csv.gz' {
  const path: string
  export default path
}
