/** The accounts of the double-entry ledger, one set of them per currency. */
export const accounts = ['customer', 'receivable', 'revenue', 'refund'] as const;
export type Account = (typeof accounts)[number];

/** One side of a booking. The entries of a booking have equal debits and credits. */
export interface LedgerEntry {
  /** Id of the effect that was carried out, so that nothing is booked twice. */
  readonly booking: string;
  readonly position: number;
  readonly orderId: string;
  readonly account: Account;
  readonly currency: string;
  readonly debit: number;
  readonly credit: number;
}

interface Booking {
  readonly booking: string;
  readonly orderId: string;
  readonly currency: string;
  readonly amount: number;
}

/** The customer owes the price, and the provider, who took it, owes it instead. */
export function bookCapture(booking: Booking): LedgerEntry[] {
  return book(booking, [
    ['customer', 'revenue'],
    ['receivable', 'customer'],
  ]);
}

/** The customer is owed the refund, and the provider, who paid it, owes that much less. */
export function bookRefund(booking: Booking): LedgerEntry[] {
  return book(booking, [
    ['refund', 'customer'],
    ['customer', 'receivable'],
  ]);
}

/** Each pair is debited and credited with the amount; an amount of zero books nothing. */
function book(
  { amount, ...rest }: Booking,
  pairs: readonly (readonly [debited: Account, credited: Account])[],
): LedgerEntry[] {
  if (amount === 0) return [];
  return pairs.flatMap(([debited, credited], index) => [
    { ...rest, position: 2 * index, account: debited, debit: amount, credit: 0 },
    { ...rest, position: 2 * index + 1, account: credited, debit: 0, credit: amount },
  ]);
}
