// The first answers of many tasks, which wait for each other: what is wrong with all of them shows only when they are compared.

/** One task's part: it joins with its answer, or leaves without one. */
export type Member<Answer, Verdict> = {
  /** Adds the answer. Resolves with the verdict as soon as there is one. */
  readonly join: (answer: Answer) => Promise<Verdict>
  /** The task has ended. After `join` it says nothing. */
  readonly leave: () => void
}

export type FirstAnswers<Answer, Verdict> = {
  /** One for each task that will fetch. */
  readonly member: () => Member<Answer, Verdict>
  /** The verdict, if there is one. */
  readonly verdict: () => Verdict | undefined
}

export type FirstAnswersOptions<Answer, Verdict> = {
  /** The tasks that will fetch. */
  readonly tasks: number
  /** So many answers are judged; all, if fewer come. */
  readonly judged: number
  readonly judge: (answers: readonly Answer[]) => Verdict
}

/** Collects answers until there are enough or no other will come, and judges them once. Later answers wait for nothing. */
export function createFirstAnswers<Answer, Verdict>({
  tasks,
  judged,
  judge,
}: FirstAnswersOptions<Answer, Verdict>): FirstAnswers<Answer, Verdict> {
  const answers: Answer[] = []
  const { promise, resolve } = Promise.withResolvers<Verdict>()
  let verdict: { readonly value: Verdict } | undefined
  let open = tasks

  function settle(): void {
    open -= 1
    if (verdict !== undefined || (answers.length < judged && open > 0)) return
    verdict = { value: judge(answers) }
    resolve(verdict.value)
  }

  function member(): Member<Answer, Verdict> {
    let isSettled = false
    return {
      join: async (answer) => {
        isSettled = true
        if (verdict === undefined) answers.push(answer)
        settle()
        return await promise
      },
      leave: () => {
        if (!isSettled) settle()
        isSettled = true
      },
    }
  }

  return { member, verdict: () => verdict?.value }
}
