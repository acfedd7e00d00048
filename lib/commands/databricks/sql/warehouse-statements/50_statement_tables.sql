-- Company statements: the tables. These files stand apart from those of the prices because a lake without statements
-- has no folder to read them from, and a load without a folder fails. Run them once there are statements.

CREATE SCHEMA IF NOT EXISTS ${catalog}.bronze;

CREATE SCHEMA IF NOT EXISTS ${catalog}.silver;

CREATE SCHEMA IF NOT EXISTS ${catalog}.gold;

-- Income statements: every version of every row that a load has seen.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.income (
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
  ingest_ts TIMESTAMP,
  loaded_at TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Income statements, every version of every row';

-- One row per symbol, date and period: a year and its last quarter end on the same day. The columns are those of Bronze.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.income
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Income statements, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.income WHERE FALSE;

-- Balance sheets: every version of every row that a load has seen.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.balance (
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
  ingest_ts TIMESTAMP,
  loaded_at TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Balance sheets, every version of every row';

-- One row per symbol, date and period: a year and its last quarter end on the same day. The columns are those of Bronze.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.balance
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Balance sheets, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.balance WHERE FALSE;

-- Cash flow statements: every version of every row that a load has seen.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.cashflow (
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
  ingest_ts TIMESTAMP,
  loaded_at TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Cash flow statements, every version of every row';

-- One row per symbol, date and period: a year and its last quarter end on the same day. The columns are those of Bronze.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.cashflow
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Cash flow statements, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.cashflow WHERE FALSE;
