// An import `with { type: 'file' }` yields the path of the file. The compiled binary contains the file.
declare module '*.csv.gz' {
  const path: string
  export default path
}
