-- From the raw files into Bronze: the rows that are not there yet. As for prices: types said and not inferred, no
-- partition discovery, new by content and not by file name.

CREATE OR REPLACE TEMPORARY VIEW income_files (
  date DATE,
  symbol STRING,
  reportedCurrency STRING,
  cik STRING,
  filingDate DATE,
  acceptedDate TIMESTAMP,
  fiscalYear INT,
  period STRING,
  revenue DOUBLE,
  costOfRevenue DOUBLE,
  grossProfit DOUBLE,
  researchAndDevelopmentExpenses DOUBLE,
  generalAndAdministrativeExpenses DOUBLE,
  sellingAndMarketingExpenses DOUBLE,
  sellingGeneralAndAdministrativeExpenses DOUBLE,
  otherExpenses DOUBLE,
  operatingExpenses DOUBLE,
  costAndExpenses DOUBLE,
  netInterestIncome DOUBLE,
  interestIncome DOUBLE,
  interestExpense DOUBLE,
  depreciationAndAmortization DOUBLE,
  ebitda DOUBLE,
  ebit DOUBLE,
  nonOperatingIncomeExcludingInterest DOUBLE,
  operatingIncome DOUBLE,
  totalOtherIncomeExpensesNet DOUBLE,
  incomeBeforeTax DOUBLE,
  incomeTaxExpense DOUBLE,
  netIncomeFromContinuingOperations DOUBLE,
  netIncomeFromDiscontinuedOperations DOUBLE,
  otherAdjustmentsToNetIncome DOUBLE,
  netIncome DOUBLE,
  netIncomeDeductions DOUBLE,
  bottomLineNetIncome DOUBLE,
  eps DOUBLE,
  epsDiluted DOUBLE,
  weightedAverageShsOut DOUBLE,
  weightedAverageShsOutDil DOUBLE,
  ingest_ts TIMESTAMP
)
USING parquet
OPTIONS (
  path '${raw_root}/fundamentals/type=income/',
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.income
-- Both lists of columns are the same by construction: the view above and the table say them in one order.
SELECT *, current_timestamp() AS loaded_at
FROM (
  SELECT * FROM income_files
  EXCEPT
  SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.income
) AS unseen;

CREATE OR REPLACE TEMPORARY VIEW balance_files (
  date DATE,
  symbol STRING,
  reportedCurrency STRING,
  cik STRING,
  filingDate DATE,
  acceptedDate TIMESTAMP,
  fiscalYear INT,
  period STRING,
  cashAndCashEquivalents DOUBLE,
  shortTermInvestments DOUBLE,
  cashAndShortTermInvestments DOUBLE,
  netReceivables DOUBLE,
  accountsReceivables DOUBLE,
  otherReceivables DOUBLE,
  inventory DOUBLE,
  prepaids DOUBLE,
  otherCurrentAssets DOUBLE,
  totalCurrentAssets DOUBLE,
  propertyPlantEquipmentNet DOUBLE,
  goodwill DOUBLE,
  intangibleAssets DOUBLE,
  goodwillAndIntangibleAssets DOUBLE,
  longTermInvestments DOUBLE,
  taxAssets DOUBLE,
  otherNonCurrentAssets DOUBLE,
  totalNonCurrentAssets DOUBLE,
  otherAssets DOUBLE,
  totalAssets DOUBLE,
  totalPayables DOUBLE,
  accountPayables DOUBLE,
  otherPayables DOUBLE,
  accruedExpenses DOUBLE,
  shortTermDebt DOUBLE,
  capitalLeaseObligationsCurrent DOUBLE,
  taxPayables DOUBLE,
  deferredRevenue DOUBLE,
  otherCurrentLiabilities DOUBLE,
  totalCurrentLiabilities DOUBLE,
  longTermDebt DOUBLE,
  capitalLeaseObligationsNonCurrent DOUBLE,
  deferredRevenueNonCurrent DOUBLE,
  deferredTaxLiabilitiesNonCurrent DOUBLE,
  otherNonCurrentLiabilities DOUBLE,
  totalNonCurrentLiabilities DOUBLE,
  otherLiabilities DOUBLE,
  capitalLeaseObligations DOUBLE,
  totalLiabilities DOUBLE,
  treasuryStock DOUBLE,
  preferredStock DOUBLE,
  commonStock DOUBLE,
  retainedEarnings DOUBLE,
  additionalPaidInCapital DOUBLE,
  accumulatedOtherComprehensiveIncomeLoss DOUBLE,
  otherTotalStockholdersEquity DOUBLE,
  totalStockholdersEquity DOUBLE,
  totalEquity DOUBLE,
  minorityInterest DOUBLE,
  totalLiabilitiesAndTotalEquity DOUBLE,
  totalInvestments DOUBLE,
  totalDebt DOUBLE,
  netDebt DOUBLE,
  ingest_ts TIMESTAMP
)
USING parquet
OPTIONS (
  path '${raw_root}/fundamentals/type=balance/',
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.balance
-- Both lists of columns are the same by construction: the view above and the table say them in one order.
SELECT *, current_timestamp() AS loaded_at
FROM (
  SELECT * FROM balance_files
  EXCEPT
  SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.balance
) AS unseen;

CREATE OR REPLACE TEMPORARY VIEW cashflow_files (
  date DATE,
  symbol STRING,
  reportedCurrency STRING,
  cik STRING,
  filingDate DATE,
  acceptedDate TIMESTAMP,
  fiscalYear INT,
  period STRING,
  netIncome DOUBLE,
  depreciationAndAmortization DOUBLE,
  deferredIncomeTax DOUBLE,
  stockBasedCompensation DOUBLE,
  changeInWorkingCapital DOUBLE,
  accountsReceivables DOUBLE,
  inventory DOUBLE,
  accountsPayables DOUBLE,
  otherWorkingCapital DOUBLE,
  otherNonCashItems DOUBLE,
  netCashProvidedByOperatingActivities DOUBLE,
  investmentsInPropertyPlantAndEquipment DOUBLE,
  acquisitionsNet DOUBLE,
  purchasesOfInvestments DOUBLE,
  salesMaturitiesOfInvestments DOUBLE,
  otherInvestingActivities DOUBLE,
  netCashProvidedByInvestingActivities DOUBLE,
  netDebtIssuance DOUBLE,
  longTermNetDebtIssuance DOUBLE,
  shortTermNetDebtIssuance DOUBLE,
  netStockIssuance DOUBLE,
  netCommonStockIssuance DOUBLE,
  commonStockIssuance DOUBLE,
  commonStockRepurchased DOUBLE,
  netPreferredStockIssuance DOUBLE,
  netDividendsPaid DOUBLE,
  commonDividendsPaid DOUBLE,
  preferredDividendsPaid DOUBLE,
  otherFinancingActivities DOUBLE,
  netCashProvidedByFinancingActivities DOUBLE,
  effectOfForexChangesOnCash DOUBLE,
  netChangeInCash DOUBLE,
  cashAtEndOfPeriod DOUBLE,
  cashAtBeginningOfPeriod DOUBLE,
  operatingCashFlow DOUBLE,
  capitalExpenditure DOUBLE,
  freeCashFlow DOUBLE,
  incomeTaxesPaid DOUBLE,
  interestPaid DOUBLE,
  ingest_ts TIMESTAMP
)
USING parquet
OPTIONS (
  path '${raw_root}/fundamentals/type=cashflow/',
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.cashflow
-- Both lists of columns are the same by construction: the view above and the table say them in one order.
SELECT *, current_timestamp() AS loaded_at
FROM (
  SELECT * FROM cashflow_files
  EXCEPT
  SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.cashflow
) AS unseen;
